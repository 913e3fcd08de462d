"""Dynamic programming over divisions finds what trying all of them finds."""

from __future__ import annotations

from functools import partial
from itertools import pairwise, product

from hypothesis import assume, given
from hypothesis import strategies as st

from codegen.ir.graph import Graph
from codegen.ir.interface import BY_ARENA, Transfer
from codegen.plan.divide import (
    Cost,
    Measure,
    Preference,
    choose_forms,
    divide_under,
    least_ceiling,
)
from codegen.plan.stretches import Stretches, measure_stretches
from codegen.schedule.assign import Assigned, assign_kernels
from tests.ops.harness import ARM_DSP
from tests.plan.divisions import Tried, all_bounds, try_one, with_forms_in_order
from tests.plan.test_stream import few, networks

MOST_TRIED = 300
WHOLE = Measure(1.0)


def try_all(assigned: Assigned, stretches: Stretches) -> tuple[Tried, ...]:
    """Assemble every division with every choice of forms."""
    bounds = tuple(all_bounds(stretches, len(assigned.steps)))
    forms = tuple(product(*assigned.variants))
    assume(len(bounds) * len(forms) <= MOST_TRIED)
    return tuple(try_one(assigned, b, f) for b in bounds for f in forms)


@few
@given(networks(1, 3), st.sampled_from((BY_ARENA, Transfer("rows"))))
def test_the_least_ceiling_is_that_of_all_divisions(graph: Graph, transfer: Transfer) -> None:
    assigned = with_forms_in_order(graph, ARM_DSP, transfer)
    stretches = measure_stretches(assigned)
    tried = try_all(assigned, stretches)
    divide = partial(divide_under, assigned, stretches, measure=WHOLE)
    most = max(one.peak for one in tried)
    assert least_ceiling(divide, most, float("inf")) == min(one.peak for one in tried)
    for cycles in sorted({one.cycles for one in tried})[:: max(1, len(tried) // 5)]:
        least = min(one.peak for one in tried if one.cycles <= cycles)
        assert least_ceiling(divide, most, cycles) == least


@few
@given(networks(1, 3), st.data())
def test_the_division_under_a_ceiling_has_the_fewest_cycles(
    graph: Graph, data: st.DataObject
) -> None:
    assigned = with_forms_in_order(graph, ARM_DSP)
    stretches = measure_stretches(assigned)
    tried = try_all(assigned, stretches)
    peaks = sorted({one.peak for one in tried})
    assert divide_under(assigned, stretches, peaks[0] - 1, WHOLE) is None
    for ceiling in {peaks[0], peaks[-1], data.draw(st.sampled_from(peaks))}:
        found = divide_under(assigned, stretches, ceiling, WHOLE)
        assert found is not None
        one = try_one(assigned, found.bounds, found.steps)
        assert one.peak <= ceiling
        assert one.cycles == found.cycles
        assert found.cycles == min(one.cycles for one in tried if one.peak <= ceiling)


@few
@given(networks(2, 5), st.sampled_from(Preference), st.sampled_from((1.0, 0.5, 0.0)), st.data())
def test_the_division_is_the_preferred_of_all(
    graph: Graph, preference: Preference, overlap: float, data: st.DataObject
) -> None:
    """By any measure: the forms of each stretch are the fastest that stay under the ceiling."""
    assigned = assign_kernels(graph, ARM_DSP)
    stretches = measure_stretches(assigned)
    bounds = tuple(all_bounds(stretches, len(assigned.steps)))
    assume(len(bounds) <= MOST_TRIED)
    most = max(s.apart_bytes + s.fixed_bytes for s in stretches.values())
    ceiling = data.draw(st.integers(0, most))
    measure = Measure(overlap)
    costs = {}
    for one in bounds:
        parts = [stretches[span] for span in pairwise(one)]
        forms = [choose_forms(assigned, part, measure.room(part, ceiling)) for part in parts]
        if None not in forms:
            kernels = sum(step.cycles for form in forms for step in form or ())
            cycles = kernels + sum(part.loop_cycles for part in parts)
            peaks = sum(part.fast_bytes * (part.end - part.first) for part in parts)
            costs[one] = Cost(cycles, len(parts), peaks)
    found = divide_under(assigned, stretches, ceiling, measure, preference)
    if found is None:
        assert not costs
        return
    assert found.cycles == costs[found.bounds].cycles
    assert preference.key(costs[found.bounds]) == min(map(preference.key, costs.values()))
