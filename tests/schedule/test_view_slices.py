"""Slices of channels cost no copy where all readers can read pixels at a distance."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from codegen.ir.evaluate import evaluate
from codegen.ir.graph import Graph
from codegen.ir.interface import Transfer
from codegen.ir.op import Op
from codegen.ops import (
    Add,
    Clip,
    Concat,
    Conv2d,
    Copy,
    MaxPool,
    Requantize,
    Reshape,
    Slice,
    Softmax,
    Transpose,
)
from codegen.options import InputMode
from codegen.plan import make_plan
from codegen.plan.solve import schedule_and_plan
from codegen.schedule import make_schedule
from codegen.schedule.assemble import assemble
from codegen.schedule.assign import assign_kernels
from codegen.targets import load_target
from codegen.toolchain.cross import build_target
from codegen.toolchain.emulate import emulate
from tests.emit.network import Builder
from tests.ops.harness import (
    ARM_DSP,
    GENERIC,
    assert_c_equals_reference,
    int8,
    samples,
    write_c,
)

families = pytest.mark.parametrize("families", [GENERIC, ARM_DSP], ids=["generic", "arm_dsp"])
SIDE = Conv2d((1, 1), (1, 1, 1, 1))


def split(b: Builder, value: str, *names: str) -> None:
    """Split the channels of a value in equal parts."""
    *image, channels = b.types[value].shape
    size = channels // len(names)
    for i, name in enumerate(names):
        b.add(Slice((0, 0, i * size), (*image, size), (1, 1, 1)), (value,), name)


def shuffle_unit(b: Builder, x: str, y: str) -> None:
    """ShuffleNet v2: one half as it is, one half through a branch, then shuffled together."""
    rows, columns, channels = b.types[x].shape
    half = channels // 2
    split(b, x, f"{y}_kept", f"{y}_taken")
    b.add(Conv2d(), (f"{y}_taken",), f"{y}_p", weights=(half, 1, 1, half))
    narrow = Conv2d((1, 1), (1, 1, 1, 1), group=half)
    b.add(narrow, (f"{y}_p",), f"{y}_d", weights=(half, 3, 3, 1))
    b.add(Conv2d(), (f"{y}_d",), f"{y}_q", weights=(half, 1, 1, half))
    b.add(Concat(2), (f"{y}_kept", f"{y}_q"), f"{y}_c")
    b.add(Reshape((rows, columns, 2, half)), (f"{y}_c",), f"{y}_r")
    b.add(Transpose((0, 1, 3, 2)), (f"{y}_r",), f"{y}_t")
    b.add(Reshape((rows, columns, channels)), (f"{y}_t",), y)


def shufflenet() -> Graph:
    """Two units of ShuffleNet v2 between convolutions."""
    b = Builder(int8((7, 9, 3), 0.3, -5))
    b.add(SIDE, ("x",), "s", weights=(16, 3, 3, 3))
    shuffle_unit(b, "s", "u")
    shuffle_unit(b, "u", "v")
    b.add(Conv2d(), ("v",), "y", weights=(5, 1, 1, 16))
    return b.graph("y")


def partial_stage() -> Graph:
    """A cross-stage partial network: halves through 3x3 windows, with a skip from a half."""
    b = Builder(int8((9, 8, 3), 0.3, -5))
    b.add(SIDE, ("x",), "s", weights=(10, 3, 3, 3))
    split(b, "s", "a", "b")
    b.add(SIDE, ("b",), "c", weights=(5, 3, 3, 5))
    b.add(Add(), ("b", "c"), "d")
    b.add(Concat(2), ("a", "b", "d"), "e")
    b.add(Conv2d(), ("e",), "y", weights=(4, 1, 1, 15))
    return b.graph("y")


def slices(graph: Graph, families: tuple[str, ...]) -> list[str]:
    """The slices that are still copied."""
    steps = make_schedule(graph, families).steps
    return [step.node.output for step in steps if isinstance(step.node.op, Slice)]


@families
@pytest.mark.parametrize("graph", [shufflenet(), partial_stage()], ids=["shuffle", "partial"])
def test_no_split_is_copied(graph: Graph, families: tuple[str, ...]) -> None:
    assert slices(graph, families) == []
    assert_c_equals_reference(graph, families, np.random.default_rng(0))
    planned = schedule_and_plan(graph, families)
    assert_c_equals_reference(graph, families, np.random.default_rng(0), planned)


def reads(op: Op, weights: tuple[int, ...] = ()) -> Graph:
    """The middle six of twelve channels of an input, read by one operator."""
    b = Builder(int8((6, 7, 12), 0.3, -5))
    b.add(Slice((0, 0, 3), (6, 7, 6), (1, 1, 1)), ("x",), "s")
    b.add(op, ("s",), "y", weights=weights)
    return b.graph("y")


READERS = {
    "pointwise": reads(Conv2d((2, 2)), (5, 1, 1, 6)),
    "conv": reads(Conv2d((1, 1), (1, 1, 1, 1)), (5, 3, 3, 6)),
    "unpadded": reads(Conv2d((2, 2)), (4, 3, 2, 6)),
    "dilated": reads(Conv2d((1, 1), (2, 2, 2, 2), (2, 2)), (4, 3, 3, 6)),
    "grouped": reads(Conv2d((1, 1), (1, 1, 1, 1), group=2, interleave=True), (4, 3, 3, 3)),
    "pool": reads(MaxPool((3, 3), (2, 2), (1, 1, 1, 1))),
    "clip": reads(Clip(-1.0, 6.0)),
    "requantize": reads(Requantize()),
}


@families
@pytest.mark.parametrize("graph", READERS.values(), ids=READERS)
def test_readers_of_views(graph: Graph, families: tuple[str, ...]) -> None:
    schedule = make_schedule(graph, families)
    assert schedule.locate("s").offset == 3
    assert schedule.storage("s") == "x"
    assert_c_equals_reference(graph, families, np.random.default_rng(0))


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("pad", [0, 1])
def test_depthwise_by_simd_reads_a_view(stride: int, pad: int) -> None:
    graph = reads(Conv2d((stride, stride), (pad,) * 4, group=6), (6, 3, 3, 1))
    assert slices(graph, ARM_DSP) == []
    assert_c_equals_reference(graph, ARM_DSP, np.random.default_rng(0))
    assert slices(graph, GENERIC) == ["s"]


@families
def test_leaner_kernels_read_views(families: tuple[str, ...]) -> None:
    graph = partial_stage()
    assigned = assign_kernels(graph, families)
    assert max(map(len, assigned.variants)) > 1
    for form in (0, -1):
        steps = tuple(forms[form] for forms in assigned.variants)
        schedule = assemble(replace(assigned, steps=steps), (0, len(steps)))
        planned = schedule, make_plan(schedule)
        assert_c_equals_reference(graph, families, np.random.default_rng(0), planned)


def test_what_cannot_read_a_view_keeps_the_copy() -> None:
    b = Builder(int8((6, 7, 12), 0.3, -5))
    split(b, "x", "soft", "out", "both", "rows")
    b.add(Softmax(), ("soft",), "p", format=(1 / 256, -128))
    b.add(Slice((0, 0, 0), (5, 7, 12), (1, 1, 1)), ("x",), "fewer")
    b.add(Slice((0, 0, 1), (6, 7, 4), (1, 1, 2)), ("x",), "apart")
    b.add(Softmax(), ("both",), "q", format=(1 / 256, -128))
    for name in ("both", "fewer", "apart", "rows"):
        b.add(Clip(), (name,), f"{name}_y")
    graph = b.graph("p", "q", "out", "both_y", "fewer_y", "apart_y", "rows_y")
    assert slices(graph, GENERIC) == ["soft", "out", "both", "fewer", "apart"]
    assert_c_equals_reference(graph, GENERIC, np.random.default_rng(0))


def test_nothing_is_written_over_a_value_whose_view_is_read_later() -> None:
    b = Builder(int8((6, 7, 4), 0.3, -5))
    b.add(Conv2d(), ("x",), "s", weights=(8, 1, 1, 4))
    split(b, "s", "a", "b")
    b.add(Clip(0.0, 3.0), ("s",), "t")
    b.add(Conv2d(), ("t",), "u", weights=(4, 1, 1, 8))
    b.add(Add(), ("u", "b"), "v")
    b.add(Add(), ("a", "v"), "y")
    graph = b.graph("y")
    assert slices(graph, GENERIC) == []
    assert make_schedule(graph, GENERIC).storage("t") != "s"
    assert_c_equals_reference(graph, GENERIC, np.random.default_rng(0))


@pytest.mark.parametrize("inputs", ["const", "rows"])
def test_views_of_what_the_caller_keeps_or_pushes(inputs: InputMode) -> None:
    b = Builder(int8((6, 7, 6), 0.3, -5))
    split(b, "x", "a", "b")
    b.add(SIDE, ("a",), "c", weights=(3, 3, 3, 3))
    b.add(Add(), ("b", "c"), "d")
    b.add(Concat(2), ("d", "a"), "y")
    graph = b.graph("y")
    assigned = assign_kernels(graph, GENERIC, Transfer(inputs, "rows"))
    assert not any(isinstance(step.node.op, Slice) for step in assigned.steps)
    schedule = assemble(assigned, (0, len(assigned.steps)))
    planned = schedule, make_plan(schedule)
    assert_c_equals_reference(graph, GENERIC, np.random.default_rng(0), planned)


def test_emulated(tmp_path: Path) -> None:
    graph, target = shufflenet(), load_target("cortex-m4")
    planned = schedule_and_plan(graph, target.kernels)
    inputs = samples(graph, np.random.default_rng(0), 4)
    program = write_c(graph, target.kernels, tmp_path, inputs, planned)
    run = emulate(build_target(tmp_path, program.interface, target, tmp_path), inputs)
    np.testing.assert_array_equal(run.outputs[0], evaluate(graph, inputs)["y"])


def test_a_concatenation_of_a_half_is_its_only_copy() -> None:
    steps = make_schedule(shufflenet(), GENERIC).steps
    copied = [step.node.inputs[0] for step in steps if isinstance(step.node.op, Copy)]
    assert copied == ["u_kept", "v_kept"]
