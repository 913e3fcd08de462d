"""QuantizeLinear and DequantizeLinear become formats."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from codegen.errors import BadQuantization, UnsupportedOperator
from codegen.frontend import import_model
from codegen.ir.graph import Graph
from codegen.ir.text import parse_graph
from codegen.ir.types import Array, DType, Quant, TensorType
from codegen.passes import canonicalize
from codegen.passes.adopt_qdq import adopt_qdq
from tests.frontend.compare import op_names


def adopted(text: str) -> str:
    return str(adopt_qdq(parse_graph(text)))


def test_a_graph_without_markers_stays() -> None:
    text = "graph net(x) -> y\n  y = clip(x)"
    assert adopted(text) == text


def test_a_second_format_of_a_value_is_a_requantize() -> None:
    assert adopted("""
        graph net(x: float32[4]) -> z
          q = quantize_linear(x) quant=quant(0.5, 0)
          d = dequantize_linear(q) quant=quant(0.5, 0)
          p = quantize_linear(d) quant=quant(0.25, 0)
          e = dequantize_linear(p) quant=quant(0.25, 0)
          z = clip(e)
    """) == (
        "graph net(x: float32[4] quant(0.5, 0)) -> z\n"
        "  p = requantize(x) : float32[4] quant(0.25, 0)\n"
        "  z = clip(p) : float32[4]"
    )


def test_an_int8_input_takes_its_format_from_behind_a_transpose() -> None:
    assert adopted("""
        graph net(x: int8[4,2]) -> z
          t = transpose(x) perm=(1, 0)
          r = reshape(t) shape=(8,)
          d = dequantize_linear(r) quant=quant(0.5, 3)
          z = clip(d)
    """) == (
        "graph net(x: float32[4,2] quant(0.5, 3)) -> z\n"
        "  t = transpose(x) perm=(1, 0) : float32[2,4] quant(0.5, 3)\n"
        "  r = reshape(t) shape=(8,) : float32[8] quant(0.5, 3)\n"
        "  z = clip(r) : float32[8]"
    )


def test_formats_pass_through_concat_and_pool_where_only_they_read() -> None:
    assert adopted("""
        graph net(a: float32[2,2,1], b: float32[2,2,1]) -> z
          c = concat(a, b) axis=2
          p = max_pool(c) kernel_shape=(2, 2)
          z = quantize_linear(p) quant=quant(0.5, 3)
    """) == (
        "graph net(a: float32[2,2,1] quant(0.5, 3), b: float32[2,2,1] quant(0.5, 3)) -> z\n"
        "  c = concat(a, b) axis=2 : float32[2,2,2] quant(0.5, 3)\n"
        "  z = max_pool(c) kernel_shape=(2, 2) : float32[1,1,2] quant(0.5, 3)"
    )


def test_a_value_that_others_read_keeps_its_range() -> None:
    graph = adopt_qdq(
        parse_graph("""
        graph net(a: float32[2,2,1]) -> y, z
          x = clip(a)
          y = clip(x)
          p = max_pool(x) kernel_shape=(2, 2)
          z = quantize_linear(p) quant=quant(0.5, 3)
    """)
    )
    assert graph.types["x"].quant is None
    assert graph.types["z"].quant == Quant((0.5,), 3)


def test_an_input_quantized_for_output_is_copied() -> None:
    assert adopted("""
        graph net(x: float32[4]) -> z
          z = quantize_linear(x) quant=quant(0.5, 0)
    """) == (
        "graph net(x: float32[4] quant(0.5, 0)) -> z\n"
        "  z = reshape(x) shape=(4,) : float32[4] quant(0.5, 0)"
    )


def test_a_value_read_in_another_format_than_it_was_made_is_refused() -> None:
    with pytest.raises(BadQuantization, match=r"scale 0\.5 and zero point 0 is"):
        adopted("""
            graph net(x: float32[4]) -> d
              q = quantize_linear(x) quant=quant(0.5, 0)
              d = dequantize_linear(q) quant=quant(0.5, 1)
        """)


CONSTANTS: dict[str, Array] = {
    "s": np.asarray(0.5, np.float32),
    "z": np.asarray(3, np.int8),
    "u": np.asarray(3, np.uint8),
    "zero": np.asarray(0, np.int8),
    "w": np.arange(-12, 12, dtype=np.int8).reshape(4, 6),
    "wide": np.ones((4, 6), np.int16),
    "b": np.asarray([1000, -7, 0, 12345], np.int32),
    "sb": np.asarray(0.125, np.float32),
    "zb": np.asarray(0, np.int32),
    "rows": np.asarray([0.25, 0.5, 0.75, 1.0], np.float32),
    "columns": np.ones(6, np.float32),
    "zeros4": np.zeros(4, np.int8),
    "zeros6": np.zeros(6, np.int8),
}


def quantized(body: str) -> onnx.ModelProto:
    model = onnx.parser.parse_model(
        '<ir_version: 8, opset_import: ["" : 13]> net (float[N,6] x) => (float[N,M] y) {'
        f" {body} }}"
    )
    used = {name for node in model.graph.node for name in node.input}
    for name in sorted(used & CONSTANTS.keys()):
        model.graph.initializer.append(numpy_helper.from_array(CONSTANTS[name], name))
    return model


GEMM = """
    q = QuantizeLinear (x, s, z) d = DequantizeLinear (q, s, z)
    {weights}
    bd = DequantizeLinear (b, sb, zb)
    g = Gemm <transB=1> (d, wd, bd) r = Relu (g)
    p = QuantizeLinear (r, s, z) y = DequantizeLinear (p, s, z)
"""


def gemm(weights: str) -> Graph:
    return canonicalize(import_model(quantized(GEMM.format(weights=weights)), "net.onnx"))


@pytest.mark.parametrize(
    ("weights", "quant"),
    [
        ("wd = DequantizeLinear (w, s, zero)", Quant((0.5,))),
        ("wd = DequantizeLinear <axis=0> (w, rows, zeros4)", Quant((0.25, 0.5, 0.75, 1.0), 0, 0)),
        ("wd = DequantizeLinear <axis=-2> (w, rows)", Quant((0.25, 0.5, 0.75, 1.0), 0, 0)),
        (
            "t = Transpose (w) v = DequantizeLinear <axis=1> (t, rows, zeros4)"
            " wd = Transpose <perm=[1,0]> (v)",
            Quant((0.25, 0.5, 0.75, 1.0), 0, 0),
        ),
        (
            "f = DequantizeLinear (w, s, zero) k = QuantizeLinear (f, s, zero)"
            " wd = DequantizeLinear (k, s, zero)",
            Quant((0.5,)),
        ),
    ],
)
def test_int8_weights_stay_int8(weights: str, quant: Quant) -> None:
    graph = gemm(weights)
    assert op_names(graph) == ["dense"]
    _, w, b = graph.nodes[0].inputs
    assert graph.types[w].dtype is DType.INT8
    assert graph.types[w].quant == quant
    assert np.array_equal(graph.constants[w], CONSTANTS["w"])
    assert graph.constants[b].tolist() == [125.0, -0.875, 0.0, 1543.125]
    assert graph.types["y"].quant == graph.types["x"].quant == Quant((0.5,), 3)


@pytest.mark.parametrize(
    ("weights", "zero"),
    [
        ("wd = DequantizeLinear (w, s, z)", "z"),
        ("k = Cast <to=2> (w) wd = DequantizeLinear (k, s, u)", "u"),
    ],
)
def test_weights_are_held_less_their_zero_point(weights: str, zero: str) -> None:
    graph = gemm(weights)
    w = graph.nodes[0].inputs[1]
    stored = CONSTANTS["w"].astype(np.uint8 if zero == "u" else np.int8).astype(int)
    assert graph.constants[w].dtype.kind == "i"
    assert np.array_equal(graph.constants[w], stored - int(CONSTANTS[zero]))
    assert graph.types[w].quant == Quant((0.5,))


def test_weights_with_scales_along_another_axis_become_reals() -> None:
    graph = gemm("wd = DequantizeLinear <axis=1> (w, columns, zeros6)")
    w = graph.nodes[0].inputs[1]
    assert graph.types[w] == TensorType(CONSTANTS["w"].shape)
    assert np.array_equal(graph.constants[w], CONSTANTS["w"] * CONSTANTS["columns"])


def test_uint8_activations_are_int8_less_128() -> None:
    model = quantized("q = QuantizeLinear (x, s, u) y = DequantizeLinear (q, s, u)")
    graph = canonicalize(import_model(model, "net.onnx"))
    expected = Quant((0.5,), int(CONSTANTS["u"]) - 128)
    assert {graph.types[name].quant for name in (*graph.inputs, *graph.outputs)} == {expected}


def test_floats_computed_from_int8_without_dequantizing_are_refused() -> None:
    model = quantized("q = QuantizeLinear (x, s, z) r = Add (q, q) y = DequantizeLinear (r, s, z)")
    with pytest.raises(UnsupportedOperator, match="computes on int8 values"):
        import_model(model, "net.onnx")


def test_a_value_shows_the_tensor_its_readers_get() -> None:
    body = "r = Relu (x) q = QuantizeLinear (r, s, z) d = DequantizeLinear (q, s, z) y = Relu (d)"
    graph = adopt_qdq(import_model(quantized(body), "net.onnx"))
    assert graph.origins["r"].tensor == "d"
    assert graph.origins["x"].tensor == "x"
