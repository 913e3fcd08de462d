"""What absorb_shuffle does beyond its docstring's example, and what it leaves alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from codegen.ir.graph import Graph
from codegen.ir.types import DType, Origin, Quant, TensorType
from codegen.passes.absorb_shuffle import absorb_shuffle
from tests.frontend.compare import op_names
from tests.passes.graphs import filled, same_results, unchanged

SHUFFLE = """
          r = reshape({0}) shape=(4, 4, 3, 2)
          t = transpose(r) perm=(0, 1, 3, 2)
          s = reshape(t) shape=(4, 4, 6)"""
CONVOLUTIONS = """
          const v: float32[6,1,1,4]
          const c: float32[6]
          const w: float32[6,3,3,1]
          const b: float32[6]
          const u: float32[5,1,1,6]
          const d: float32[5]"""


def absorbed(text: str) -> Graph:
    """Run the pass: the results stay, no move is left."""
    before = filled(text)
    after = absorb_shuffle(before)
    assert not {"reshape", "transpose"} & set(op_names(after))
    same_results(before, after)
    return after


def test_filters_before_are_reordered_through_what_works_channel_by_channel() -> None:
    graph = absorbed(f"""
        graph net(x: float32[8,8,4]) -> z
          {CONVOLUTIONS}
          y = conv2d(x, v, c)
          p = max_pool(y) kernel_shape=(2, 2) strides=(2, 2)
          q = pad(p) before=(1, 0, 0) after=(0, 1, 0)
          e = conv2d(q, w, b) pads=(0, 1, 1, 0) group=6
          a = clip(e) high=6.0
          {SHUFFLE.format("a")}
          z = average_pool(s) kernel_shape=(2, 2)
    """)
    assert op_names(graph) == ["conv2d", "max_pool", "pad", "conv2d", "clip", "average_pool"]


def test_groups_take_turns_through_a_depthwise_layer() -> None:
    graph = absorbed(f"""
        graph net(x: float32[4,4,6]) -> s
          const k: float32[6,1,1,2]
          {CONVOLUTIONS}
          y = conv2d(x, k, c) group=3
          e = conv2d(y, w, b) pads=(1, 1, 1, 1) group=6
          {SHUFFLE.format("e")}
    """)
    assert str(graph.nodes[0].op).count("interleave=True") == 1


def test_both_operands_of_a_sum_are_reordered() -> None:
    absorbed(f"""
        graph net(x: float32[4,4,4]) -> s
          {CONVOLUTIONS}
          const o: float32[6,1,1,4]
          a = conv2d(x, v, c)
          e = conv2d(x, o, b)
          y = add(a, e)
          {SHUFFLE.format("y")}
    """)


def test_a_shuffle_in_the_order_of_the_file_is_one_too() -> None:
    graph = absorbed(f"""
        graph net(x: float32[4,4,4]) -> z
          {CONVOLUTIONS}
          y = conv2d(x, v, c)
          n = transpose(y) perm=(2, 0, 1)
          r = reshape(n) shape=(3, 2, 4, 4)
          t = transpose(r) perm=(1, 0, 2, 3)
          m = reshape(t) shape=(6, 4, 4)
          s = transpose(m) perm=(1, 2, 0)
          z = clip(s)
    """)
    assert op_names(graph) == ["conv2d", "clip"]


def test_columns_behind_are_reordered() -> None:
    graph = absorbed(f"""
        graph net(x: float32[4,4,6]) -> z
          {CONVOLUTIONS}
          {SHUFFLE.format("x")}
          e = conv2d(s, w, b) pads=(1, 1, 1, 1) group=6
          a = clip(e)
          z = conv2d(a, u, d)
    """)
    assert op_names(graph) == ["conv2d", "clip", "conv2d"]


@pytest.mark.parametrize(
    "body",
    [
        "y = conv2d(x, g, c) group=2",
        "y = conv2d(x, k, c) group=3 interleave=True",
        "y = lrn(x)",
        "y = pad(i) after=(0, 0, 1) before=(0, 0, 0)",
    ],
)
def test_other_shuffles_stay(body: str) -> None:
    unchanged(
        absorb_shuffle,
        f"""
        graph net(x: float32[4,4,6], i: float32[4,4,5]) -> z
          const g: float32[6,1,1,3]
          const k: float32[6,1,1,2]
          const c: float32[6]
          {body}
          {SHUFFLE.format("y")}
          z = clip(s)
        """,
    )


def test_a_value_that_others_read_keeps_its_order() -> None:
    unchanged(
        absorb_shuffle,
        f"""
        graph net(x: float32[4,4,4]) -> y, z
          {CONVOLUTIONS}
          y = conv2d(x, v, c)
          {SHUFFLE.format("y")}
          z = clip(s)
        """,
    )


def test_a_format_between_the_moves_stays() -> None:
    unchanged(
        absorb_shuffle,
        """
        graph net(x: float32[4,4,4] quant(0.1, 0)) -> z
          const v: float32[6,1,1,4]
          const c: float32[6]
          y = conv2d(x, v, c) : float32[4,4,6] quant(0.1, 0)
          r = reshape(y) shape=(4, 4, 3, 2) : float32[4,4,3,2] quant(0.5, 0)
          t = transpose(r) perm=(0, 1, 3, 2) : float32[4,4,2,3] quant(0.5, 0)
          z = reshape(t) shape=(4, 4, 6) : float32[4,4,6] quant(0.5, 0)
        """,
    )


def test_scales_move_with_their_filters() -> None:
    graph = filled(f"""
        graph net(x: float32[4,4,4]) -> s
          {CONVOLUTIONS}
          y = conv2d(x, v, c)
          {SHUFFLE.format("y")}
    """)
    scales = tuple(0.1 * (i + 1) for i in range(6))
    weights = np.arange(24).reshape(6, 1, 1, 4).astype(np.int8)
    types = {**graph.types, "v": TensorType(weights.shape, DType.INT8, Quant(scales, 0, 0))}
    before = replace(graph, types=types, constants={**graph.constants, "v": weights})
    after = absorb_shuffle(before)
    same_results(before, after)
    found = after.types[after.nodes[0].inputs[1]].quant
    assert found is not None
    assert found.scales == tuple(scales[i] for i in (0, 2, 4, 1, 3, 5))


def test_values_in_an_order_of_their_own_show_no_tensor() -> None:
    graph = filled(f"""
        graph net(x: float32[4,4,4]) -> z
          {CONVOLUTIONS}
          y = conv2d(x, v, c)
          a = clip(y)
          {SHUFFLE.format("a")}
          z = clip(s) high=1.0
    """)
    origins = {name: Origin(name.upper(), (1, 2, 0)) for name in "xyarsz"}
    after = absorb_shuffle(replace(graph, origins=origins))
    assert [node.output for node in after.nodes] == ["y", "s", "z"]
    assert {name: origin.tensor for name, origin in after.origins.items()} == {
        "x": "X",
        "s": "S",
        "z": "Z",
    }
