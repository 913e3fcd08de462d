"""Laws of placement: live bytes never overlap, and an optimum is one."""

from __future__ import annotations

from itertools import combinations, permutations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from codegen.ir.memory import Buffer, MemoryPlan
from codegen.plan import place
from codegen.plan.offsets import distances, lower_bound

law = settings(max_examples=100, deadline=None, derandomize=True)
EVENTS = 9


def block(name: str, size: int, first: int, end: int, align: int = 1) -> Buffer:
    """A buffer that is live as a whole from event `first` to before `end`."""
    times = np.arange(EVENTS)
    live = (times >= first) & (times < end)
    return Buffer(name, size, np.zeros(EVENTS, np.int64), live * size, align)


@st.composite
def buffer_sets(draw: st.DrawFn, most: int = 10) -> tuple[Buffer, ...]:
    """Blocks, and values whose rows come and go one by one."""
    found = []
    for i in range(draw(st.integers(1, most))):
        first = draw(st.integers(0, EVENTS - 2))
        end = first + draw(st.integers(1, EVENTS - first))
        size = draw(st.integers(1, 40))
        buffer = block(f"b{i}", size, first, end, draw(st.sampled_from((1, 1, 4))))
        if draw(st.booleans()):
            steps = np.linspace(0, size, EVENTS).astype(np.int64)
            grown = np.minimum(np.cumsum(buffer.end > 0) * (size // 3 + 1), size)
            begin = np.minimum(steps, grown) * (buffer.end > 0)
            buffer = Buffer(buffer.name, size, begin, grown * (buffer.end > 0), buffer.align)
        found.append(buffer)
    return tuple(found)


def assert_valid(plan: MemoryPlan) -> None:
    for b in plan.buffers:
        assert plan.offsets[b.name] >= 0
        assert plan.offsets[b.name] % b.align == 0
        assert plan.offsets[b.name] + b.size_bytes <= plan.size_bytes
    for a, b in combinations(plan.buffers, 2):
        x, y = plan.offsets[a.name], plan.offsets[b.name]
        both = (a.live > 0) & (b.live > 0)
        apart = (x + a.end <= y + b.begin) | (y + b.end <= x + a.begin)
        assert (apart | ~both).all()


@law
@given(buffer_sets())
def test_live_bytes_never_overlap(buffers: tuple[Buffer, ...]) -> None:
    plan = place(buffers, search_steps=2000)
    assert_valid(plan)
    assert plan.lower_bound_bytes == lower_bound(buffers) <= plan.size_bytes


@law
@given(buffer_sets(most=5))
def test_a_plan_called_optimal_is_the_smallest(buffers: tuple[Buffer, ...]) -> None:
    plan = place(buffers)
    assert plan.is_optimal
    assert plan.size_bytes == min(
        stacked_size([buffers[i] for i in order]) for order in permutations(range(len(buffers)))
    )


def stacked_size(order: list[Buffer]) -> int:
    """Size when each buffer stands above all those before it in the order that it meets."""
    apart = distances(tuple(order))
    offsets: list[int] = []
    for i, b in enumerate(order):
        least = max([0, *(o + apart[j][i] for j, o in enumerate(offsets))])
        offsets.append(-(-least // b.align) * b.align)
    return max(o + b.size_bytes for o, b in zip(offsets, order, strict=True))


def test_a_result_follows_its_operand() -> None:
    """Rows of 4 bytes die as rows of 4 bytes come: five rows hold eight of each."""
    times = np.arange(8)
    operand = Buffer("x", 32, times * 4, np.full(8, 32))
    result = Buffer("y", 32, np.zeros(8, np.int64), (times + 1) * 4)
    plan = place((operand, result))
    assert (plan.size_bytes, plan.offsets) == (36, {"x": 4, "y": 0})
    assert plan.is_optimal


def test_peak_names_the_buffers_that_bind() -> None:
    plan = place((block("a", 4, 0, 2), block("b", 8, 1, 3), block("c", 4, 2, 4)))
    time, live = plan.peak()
    assert (time, [b.name for b in live]) == (1, ["b", "a"])
