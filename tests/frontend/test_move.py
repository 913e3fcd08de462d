"""Operators that move values, along any axis, with a batch dimension and without."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import numpy_helper

from codegen.frontend import import_model
from codegen.ir.evaluate import evaluate
from codegen.ir.graph import Graph
from codegen.ir.types import Array
from codegen.passes import canonicalize

CONSTANTS: Mapping[str, Array] = {
    "c2": np.asarray([2, -1]),
    "c012": np.asarray([0, 1, 2]),
    "c0": np.asarray([0]),
    "starts": np.asarray([-1, 1]),
    "ends": np.asarray([-1000, 1000]),
    "axes": np.asarray([0, -1]),
    "steps": np.asarray([-2, 2]),
    "parts": np.asarray([1, 2]),
    "uneven": np.asarray([1, 3]),
    "table": np.asarray([[0, 2, 2], [1, 1, 0]]),
    "negative": np.asarray([[2, -1], [0, -3]]),
    "grid": np.asarray([[[0, 2, 1, 0]], [[1, 1, 0, 2]]]),
    "points": np.asarray([[0, 1], [2, 0], [-1, -1]]),
    "pads": np.asarray([1, 0, 2, 0, 1, 1]),
    "crops": np.asarray([1, -1, 0, -1, 0, 2]),
    "ones": np.asarray([1, 1, 1, 1]),
    "value": np.asarray(-1.5, np.float32),
    "repeats": np.asarray([2, 1, 3]),
    "wider": np.asarray([2, 1, 1, 4]),
    "lengths": np.asarray([1, 3, 2, 3]),
    "whole": np.asarray([4, 0]),
    "kept": np.asarray([True, False, True]),
    "one": np.asarray(1),
    "updates": np.asarray([[9.0] * 4, [8.0] * 4], np.float32),
    "rows": np.asarray([[0, 2], [2, 1]]),
    "crop": np.asarray([5, 2]),
    "new": np.asarray([[7.0, -7.0], [5.0, 3.0]], np.float32),
    "column": np.asarray([[2], [0]]),
    "inside": np.asarray([[0, 2], [0, 1]]),
    "half": np.full((3, 1, 4), 0.5, np.float32),
}
CASES: Mapping[str, tuple[tuple[int, ...], str]] = {
    "transpose": ((3, 2, 4), "y = Transpose <perm=[2,0,1]> (x)"),
    "transpose to a batch": ((3, 1, 4), "y = Transpose <perm=[1,0,2]> (x)"),
    "transpose of the batch": ((1, 3, 4), "y = Transpose <perm=[2,0,1]> (x)"),
    "transpose of many": ((1, 2, 3, 2, 3, 2), "y = Transpose <perm=[0,5,3,1,4,2]> (x)"),
    "reshape": ((3, 2, 4), "y = Reshape (x, c2)"),
    "flatten": ((3, 2, 4), "y = Flatten <axis=2> (x)"),
    "flatten all": ((1, 2, 4), "y = Flatten <axis=0> (x)"),
    "squeeze the batch": ((1, 2, 4), "y = Squeeze (x, c0)"),
    "unsqueeze": ((3, 4), "y = Unsqueeze (x, c012)"),
    "slice": ((5, 3, 7), "y = Slice (x, starts, ends, axes, steps)"),
    "slice of five": ((1, 5, 3, 2, 7, 2), "y = Slice (x, starts, ends, c2, steps)"),
    "split": ((3, 2, 4), "a, y = Split <axis=0> (x, parts)"),
    "split of the rest": ((3, 2, 5), "a, b, y = Split <axis=-1, num_outputs=3> (x)"),
    "split of nothing": (
        (3, 2, 4),
        "a, b = Split <axis=-1> (x, whole) t = Relu (a) y = Concat <axis=-1> (b, t, b)",
    ),
    "concat": ((3, 2, 4), "t = Relu (x) y = Concat <axis=0> (x, t)"),
    "concat of the batch": ((1, 2, 4), "t = Relu (x) y = Concat <axis=0> (x, t)"),
    "concat of a constant": ((3, 2, 4), "y = Concat <axis=1> (half, x, half)"),
    "gather": ((3, 2, 4), "y = Gather <axis=0> (x, table)"),
    "gather channels": ((1, 3, 2, 4), "y = Gather <axis=1> (x, table)"),
    "gather the batch": ((1, 3, 4), "y = Gather <axis=0> (x, c0)"),
    "gather backwards": ((1, 3, 2, 4), "y = Gather <axis=1> (x, negative)"),
    "gather elements": ((2, 3, 4), "y = GatherElements <axis=1> (x, grid)"),
    "gather nd": ((3, 2, 4), "y = GatherND (x, points)"),
    "gather nd of an image": ((1, 3, 2, 4), "y = GatherND (x, inside)"),
    "pad": ((3, 2, 4), "y = Pad (x, pads, value)"),
    "pad and crop": ((4, 3, 4), "y = Pad (x, crops, value)"),
    "pad the edge": ((1, 3, 4), 'y = Pad <mode="edge"> (x, pads)'),
    "pad reflected": ((3, 2, 4), 'y = Pad <mode="reflect"> (x, pads)'),
    "pad around": ((3, 2, 4), 'y = Pad <mode="wrap"> (x, pads)'),
    "pad axes of an image": ((1, 2, 3, 4), 'y = Pad <mode="reflect"> (x, ones, , c2)'),
    "expand": ((1, 2, 3, 1), "y = Expand (x, wider)"),
    "tile": ((1, 2, 3), "y = Tile (x, repeats)"),
    "depth to space": ((1, 8, 2, 3), "y = DepthToSpace <blocksize=2> (x)"),
    "depth to columns": ((2, 8, 2, 3), 'y = DepthToSpace <blocksize=2, mode="CRD"> (x)'),
    "space to depth": ((1, 2, 4, 6), "y = SpaceToDepth <blocksize=2> (x)"),
    "reverse": ((3, 4, 2), "y = ReverseSequence (x, lengths)"),
    "compress": ((3, 4), "y = Compress <axis=0> (x, kept)"),
    "triangle": ((1, 4, 5), "y = Trilu <upper=0> (x, one)"),
    "crop": ((1, 3, 4), "y = CenterCropPad <axes=[1,2]> (x, crop)"),
    "scatter": ((3, 4), "y = ScatterElements <axis=0> (x, rows, new)"),
    "scatter nd": ((3, 4), "y = ScatterND (x, column, updates)"),
    "move what was moved": (
        (1, 4, 3, 3),
        "t = Transpose <perm=[0,2,3,1]> (x) u = Tile (t, wider) y = Relu (u)",
    ),
}


def make_model(shape: Sequence[int], body: str) -> onnx.ModelProto:
    """Return a model of one input, with a shape of its own, that reads what it likes."""
    sizes = ",".join(map(str, shape))
    model = onnx.parser.parse_model(
        f'<ir_version: 8, opset_import: ["" : 18]> n (float[{sizes}] x) => (float[] y) {{ {body} }}'
    )
    if "wrap" in body:
        model.opset_import[0].version = 19
    for name, data in CONSTANTS.items():
        if any(name in node.input for node in model.graph.node):
            model.graph.initializer.append(numpy_helper.from_array(data, name))
    model.graph.output[0].type.tensor_type.shape.SetInParent()
    return model


def show(graph: Graph, x: Array, shape: Sequence[int]) -> Array:
    """Return the output of a graph in the shape of the ONNX tensor."""
    (port,) = graph.inputs
    given = graph.origins[port].one(x, graph.types[port].shape)
    return evaluate(graph, [given])[graph.outputs[0]].reshape(shape)


@pytest.mark.parametrize("name", CASES)
def test_moves_as_onnxruntime_does(name: str) -> None:
    shape, body = CASES[name]
    model = make_model(shape, body)
    x = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    session = onnxruntime.InferenceSession(model.SerializeToString())
    (expected,) = session.run(None, {"x": x})
    graph = import_model(model, "net.onnx")
    for found in (graph, canonicalize(graph)):
        assert np.array_equal(show(found, x, expected.shape), expected)


@pytest.mark.parametrize("body", ["y = Shape (x)", "y = Size (x)"])
def test_a_constant_output_is_a_value(body: str) -> None:
    model = make_model((3, 1, 4), body)
    model.graph.output[0].type.tensor_type.elem_type = onnx.TensorProto.INT64
    graph = import_model(model, "net.onnx")
    found = evaluate(graph, [np.zeros((2, 3, 1, 4), np.float32)])["y"]
    assert found.tolist() == [[3, 1, 4] if "Shape" in body else 12] * 2
