"""Concatenations cost no copy where producers can write into place, and are right everywhere."""

from __future__ import annotations

import numpy as np
import pytest

from codegen.ir.graph import Graph
from codegen.ops import Add, AveragePool, Concat, Conv2d, Copy, MaxPool, Reshape
from codegen.plan import make_plan
from codegen.schedule import make_schedule
from tests.emit.network import Builder
from tests.ops.harness import ARM_DSP, GENERIC, assert_c_equals_reference, int8

families = pytest.mark.parametrize("families", [GENERIC, ARM_DSP], ids=["generic", "arm_dsp"])


def fire() -> Graph:
    """A Fire module: squeeze, then two expansions side by side, then another layer."""
    b = Builder(int8((6, 7, 5), 0.05, -3))
    b.add(Conv2d(), ("x",), "s", weights=(4, 1, 1, 5))
    b.add(Conv2d(), ("s",), "e1", weights=(5, 1, 1, 4))
    b.add(Conv2d((1, 1), (1, 1, 1, 1)), ("s",), "e3", weights=(7, 3, 3, 4))
    b.add(Concat(2), ("e1", "e3"), "c")
    b.add(MaxPool((3, 3), (2, 2)), ("c",), "y")
    return b.graph("y")


def nested() -> Graph:
    """Concatenations in each other, of pools, depthwise convolutions, and a value used twice."""
    b = Builder(int8((6, 8, 5), 0.3, -5))
    narrow = Conv2d((2, 2), (1, 1, 1, 1), group=5)
    b.add(narrow, ("x",), "d", weights=(5, 3, 3, 1))
    b.add(AveragePool((3, 3), (2, 2), (1, 1, 1, 1)), ("x",), "a")
    b.add(Concat(2), ("d", "a"), "inner")
    b.add(MaxPool((2, 2), (2, 2)), ("x",), "m")
    b.add(Concat(2), ("m", "inner", "m"), "y")
    b.add(Add(), ("y", "y"), "z")
    return b.graph("y", "z")


def anchors() -> Graph:
    """Detection heads: maps become lists of anchors, which are joined."""
    b = Builder(int8((4, 4, 6), 0.3, -5))
    b.add(Conv2d(), ("x",), "p", weights=(6, 1, 1, 6))
    b.add(Conv2d((2, 2)), ("x",), "q", weights=(6, 1, 1, 6))
    b.add(Reshape((32, 3)), ("p",), "p_rows")
    b.add(Reshape((8, 3)), ("q",), "q_rows")
    b.add(Concat(0), ("p_rows", "q_rows"), "y")
    return b.graph("y")


def rows() -> Graph:
    """Along the rows, as detection heads join their anchors; an input is joined too."""
    b = Builder(int8((4, 4, 6), 0.3, -5))
    b.add(Conv2d(), ("x",), "p", weights=(6, 1, 1, 6))
    b.add(Conv2d((2, 2)), ("x",), "q", weights=(6, 1, 1, 6))
    b.add(Concat(1), ("p", "x"), "w")
    b.add(Concat(0), ("p", "x"), "y")
    return b.graph("y", "q", "w")


@families
@pytest.mark.parametrize(
    "graph", [fire(), nested(), anchors(), rows()], ids=["fire", "nested", "anchors", "rows"]
)
def test_c_equals_reference(graph: Graph, families: tuple[str, ...]) -> None:
    assert_c_equals_reference(graph, families, np.random.default_rng(0))


def test_a_fire_module_concatenates_for_nothing() -> None:
    schedule = make_schedule(fire(), GENERIC)
    assert [step.node.output for step in schedule.steps] == ["s", "e1", "e3", "y across", "y"]
    assert schedule.storage("e3") == "c"
    (joined,) = (b for b in make_plan(schedule).buffers if "c" in b.values)
    assert {"e1", "e3"} <= set(joined.values)
    assert joined.size_bytes == 6 * 7 * 12


def test_only_what_cannot_be_placed_is_copied() -> None:
    schedule = make_schedule(nested(), GENERIC)
    copies = [step.node.inputs[0] for step in schedule.steps if isinstance(step.node.op, Copy)]
    assert copies == ["m", "m"]
    assert schedule.storage("d") == schedule.storage("inner") == "y"
