"""Gather by computed indices, OneHot and Col2Im against ONNX."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from codegen.frontend import import_model
from codegen.ir.evaluate import evaluate
from codegen.passes import canonicalize
from codegen.quantize import Samples, calibrate, graph_inputs, quantize
from tests.frontend.compare import evaluated, op_names


@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize("dtype", ["int32", "int64"])
@pytest.mark.parametrize("held", [(), ("t",)])
@pytest.mark.parametrize("shape", [(1, 4), (2, 3), ()])
def test_any_axis_is_looked_up(
    axis: int, dtype: str, held: tuple[str, ...], shape: tuple[int, ...]
) -> None:
    rng = np.random.default_rng(0)
    table = rng.normal(size=(5, 6, 4)).astype(np.float32)
    index = np.asarray(rng.integers(-4, 4, shape), dtype)
    evaluated(f"Gather <axis = {axis}> (t, i)", {"t": table, "i": index}, held)


def test_an_embedding_has_the_format_of_its_table() -> None:
    rng = np.random.default_rng(0)
    table = rng.normal(size=(50, 8)).astype(np.float32)
    table[49] *= 3
    model = onnx.parser.parse_model(
        '<ir_version: 8, opset_import: ["" : 13]> net (int64[1,6] i) => (float[1,6,8] y)'
        "{ y = Gather (t, i) }"
    )
    model.graph.initializer.append(numpy_helper.from_array(table, "t"))
    graph = canonicalize(import_model(model, "net.onnx"))
    assert op_names(graph) == ["lookup", "reshape"]
    few = Samples((rng.integers(0, 9, (4, 6)),), "test")
    fixed = quantize(graph, calibrate(model, graph, few))
    every = Samples((np.arange(48).reshape(8, 6) + 2,), "test")
    made = evaluate(fixed, graph_inputs(fixed, every))["y"]
    quant = fixed.types["y"].quant
    assert quant is not None
    off = quant.dequantize(made) - table[every.arrays[0]]
    assert np.abs(off).max() <= 0.51 * quant.scale


@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize("dtype", ["int8", "int32", "int64", "uint8", "float32"])
@pytest.mark.parametrize("values", [(0.25, 3.0), (2, -5)])
def test_one_place_is_hot(axis: int, dtype: str, values: tuple[object, object]) -> None:
    rng = np.random.default_rng(0)
    low = -6 if dtype in ("int8", "int32", "int64") else 0
    index = rng.integers(low, 8, (2, 3)).astype(dtype)
    held = np.array(values, np.float32 if isinstance(values[0], float) else None)
    arrays = {"i": index, "d": np.array(6), "v": held}
    evaluated(f"OneHot <axis = {axis}> (i, d, v)", arrays, ("d", "v"))


@pytest.mark.parametrize(
    ("attributes", "image", "columns"),
    [
        ("", (5, 4), 12),
        ("<strides = [2,1], pads = [1,0,1,2]>", (5, 4), 15),
        ("<dilations = [2,1]>", (6, 4), 12),
    ],
)
def test_columns_add_up_to_an_image(attributes: str, image: tuple[int, int], columns: int) -> None:
    x = np.random.default_rng(0).normal(size=(1, 2 * 4, columns)).astype(np.float32)
    arrays = {"x": x, "s": np.array(image), "b": np.array((2, 2))}
    evaluated(f"Col2Im {attributes} (x, s, b)", arrays, ("s", "b"))
