"""Laws of placement: live buffers never overlap, and an optimum is one."""

from __future__ import annotations

from itertools import combinations, permutations

from hypothesis import given, settings
from hypothesis import strategies as st

from codegen.ir.memory import Buffer, MemoryPlan
from codegen.plan import place
from codegen.plan.offsets import lower_bound

law = settings(max_examples=150, deadline=None, derandomize=True)


@st.composite
def buffer_sets(draw: st.DrawFn, most: int = 12) -> tuple[Buffer, ...]:
    """Buffers with random sizes, alignments and live ranges."""
    found = []
    for i in range(draw(st.integers(1, most))):
        first = draw(st.integers(0, 8))
        end = first + draw(st.integers(1, 5))
        align = draw(st.sampled_from((1, 1, 4)))
        found.append(Buffer(f"b{i}", draw(st.integers(1, 40)), first, end, align))
    return tuple(found)


def assert_valid(plan: MemoryPlan) -> None:
    for b in plan.buffers:
        assert plan.offsets[b.name] >= 0
        assert plan.offsets[b.name] % b.align == 0
        assert plan.offsets[b.name] + b.size_bytes <= plan.size_bytes
    for a, b in combinations(plan.buffers, 2):
        below = plan.offsets[a.name] + a.size_bytes <= plan.offsets[b.name]
        above = plan.offsets[b.name] + b.size_bytes <= plan.offsets[a.name]
        assert not a.meets(b) or below or above


@law
@given(buffer_sets())
def test_live_buffers_never_overlap(buffers: tuple[Buffer, ...]) -> None:
    plan = place(buffers, search_steps=3000)
    assert_valid(plan)
    assert plan.lower_bound_bytes == lower_bound(buffers) <= plan.size_bytes


@law
@given(buffer_sets(most=5))
def test_a_plan_called_optimal_is_the_smallest(buffers: tuple[Buffer, ...]) -> None:
    plan = place(buffers)
    assert plan.is_optimal
    assert plan.size_bytes == min(stacked_size(order) for order in permutations(buffers))


def stacked_size(order: tuple[Buffer, ...]) -> int:
    """Size when each buffer stands at the lowest free offset, in this order of placement."""
    placed: list[tuple[Buffer, int]] = []
    for b in order:
        met = sorted((o, o + p.size_bytes) for p, o in placed if p.meets(b))
        offset = 0
        for start, end in met:
            if offset + b.size_bytes <= start:
                break
            offset = max(offset, -(-end // b.align) * b.align)
        placed.append((b, offset))
    return max(o + b.size_bytes for b, o in placed)


def test_search_beats_greedy_orders() -> None:
    """Eight buffers for which every greedy order wastes space and an exact search does not."""
    spans = ((3, 0, 2), (4, 1, 4), (2, 1, 3), (5, 2, 5), (3, 3, 6), (4, 4, 7), (2, 5, 8), (6, 6, 9))
    buffers = tuple(Buffer(f"b{i}", *span) for i, span in enumerate(spans))
    plan = place(buffers)
    assert_valid(plan)
    assert plan.is_optimal


def test_peak_names_the_buffers_that_bind() -> None:
    plan = place((Buffer("a", 4, 0, 2), Buffer("b", 8, 1, 3), Buffer("c", 4, 2, 4)))
    time, live = plan.peak()
    assert (time, [b.name for b in live]) == (1, ["a", "b"])
