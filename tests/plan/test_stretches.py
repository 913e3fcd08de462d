"""What a stretch is measured to need, it needs in every division that it is part of."""

from __future__ import annotations

from itertools import pairwise, product

from hypothesis import given

from codegen.ir.graph import Graph
from codegen.ops import AveragePool, Concat, Conv2d, Slice
from codegen.plan.stretches import Stretch, measure_stretches
from codegen.schedule.assign import Assigned, assign_kernels
from tests.emit.network import Builder
from tests.ops.harness import ARM_DSP, GENERIC, int8
from tests.plan.divisions import Forms, all_bounds, try_one
from tests.plan.test_stream import few, networks

MOST_FORMS = 4


def peak(stretch: Stretch, forms: Forms) -> int:
    """Return what a stretch says that it needs with some forms."""
    loads = (load + forms[step].scratch_bytes for step, load in stretch.loads.items())
    return max(stretch.fixed_bytes, *loads, 0)


def assert_stretches_tell_the_whole(assigned: Assigned) -> None:
    stretches = measure_stretches(assigned)
    for bounds in all_bounds(stretches, len(assigned.steps)):
        for forms in list(product(*assigned.variants))[:MOST_FORMS]:
            tried = try_one(assigned, bounds, forms)
            parts = [stretches[span] for span in pairwise(bounds)]
            assert max(peak(part, forms) for part in parts) == tried.peak
            kernels = sum(step.cycles for step in forms)
            assert sum(part.loop_cycles for part in parts) + kernels == tried.cycles


@few
@given(networks(1, 4))
def test_the_greatest_stretch_is_the_peak_of_the_division(graph: Graph) -> None:
    assert_stretches_tell_the_whole(assign_kernels(graph, ARM_DSP))


def test_rows_that_no_later_step_reads_are_not_kept() -> None:
    """The first row is cut off: it is dead once written, whatever nest cuts it off."""
    b = Builder(int8((5, 5, 1), 0.3, -5))
    b.add(Conv2d((1, 1), (1, 1, 1, 1)), ("x",), "c", weights=(1, 3, 3, 1))
    b.add(Slice((1, 1, 0), (2, 4, 1), (2, 1, 1)), ("c",), "s", format=(0.3, -5))
    b.add(AveragePool((2, 4)), ("s",), "mean")
    assigned = assign_kernels(b.graph("mean"), GENERIC)
    assert_stretches_tell_the_whole(assigned)
    tried = try_one(assigned, (0, 1, 2, 3), assigned.steps)
    assert measure_stretches(assigned)[0, 1].fast_bytes == tried.peak


def test_what_a_later_step_completes_is_kept_until_then() -> None:
    """The rows of a join that nothing reads wait for their other half all the same."""
    b = Builder(int8((5, 5, 1), 0.3, -5))
    b.add(Conv2d((1, 1), (1, 1, 1, 1)), ("x",), "a", weights=(1, 3, 3, 1))
    b.add(Concat(2), ("x", "a"), "c", format=(0.3, -5))
    b.add(Slice((1, 1, 0), (2, 4, 2), (2, 1, 1)), ("c",), "s", format=(0.3, -5))
    b.add(AveragePool((2, 4)), ("s",), "mean")
    assert_stretches_tell_the_whole(assign_kernels(b.graph("mean"), GENERIC))
