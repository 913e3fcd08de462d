"""Operators on groups mean what onnxruntime computes, along any axes, in every layout."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import numpy_helper

from codegen.frontend import import_model
from codegen.ir.evaluate import evaluate
from codegen.passes import canonicalize

CONV = "c = Conv (x, w) "
BODIES: dict[str, tuple[int, ...]] = {
    "y = ReduceSum <keepdims=0> (x)": (2, 3, 4),
    "y = ReduceSum (x, a)": (2, 3, 4),
    "y = ReduceSum <noop_with_empty_axes=1> (x)": (2, 3, 4),
    "y = ReduceProd <axes=[0,2]> (x)": (2, 3, 4),
    "y = ReduceMax <axes=[-2], keepdims=0> (x)": (1, 2, 3, 4, 5),
    "y = ReduceMin <axes=[0]> (x)": (4,),
    "y = ReduceMean <axes=[0]> (x)": (1, 3, 4),
    "y = ReduceMean <axes=[1], keepdims=0> (x)": (2, 3, 4),
    "y = ReduceL1 <axes=[1,3], keepdims=0> (x)": (1, 2, 3, 4),
    "y = ReduceL2 <axes=[2]> (x)": (1, 2, 3),
    "y = ReduceSumSquare (x)": (1, 5),
    "y = ReduceLogSum <axes=[1]> (x)": (2, 3),
    "y = ReduceLogSumExp <axes=[1]> (x)": (2, 3),
    CONV + "y = ReduceMax <axes=[2,3], keepdims=0> (c)": (1, 3, 6, 5),
    CONV + "y = ReduceSum (c, a)": (1, 3, 6, 5),
    CONV + "y = ReduceL2 <axes=[1,3], keepdims=0> (c)": (1, 3, 6, 5),
    CONV + "y = ArgMax <axis=1> (c)": (1, 3, 6, 5),
    CONV + "y = ArgMax <axis=1, keepdims=0> (c)": (1, 3, 6, 5),
    "y = ArgMin <axis=-1, keepdims=0, select_last_index=1> (x)": (2, 3, 4),
    "y, i = TopK <axis=1> (x, k)": (2, 5, 3),
    "v, y = TopK <axis=0, largest=0> (x, k)": (5, 3),
    CONV + "y = Softmax <axis=2> (c)": (1, 3, 6, 5),
    "y = Softmax <axis=0> (x)": (3, 4, 5),
    "y = Softmax <axis=-4> (x)": (1, 4, 5, 2),
    "y = LogSoftmax <axis=1> (x)": (3, 4, 5),
    "y = Hardmax <axis=1> (x)": (3, 4, 5),
    CONV + "y = GlobalMaxPool (c)": (1, 3, 6, 5),
    "y = GlobalMaxPool (x)": (2, 3, 6),
    "y = GlobalAveragePool (x)": (2, 3, 6, 5),
    CONV + "y = GlobalLpPool (c)": (1, 3, 6, 5),
    "y = GlobalLpPool <p=4> (x)": (2, 3, 6, 5),
    "y = LpPool <kernel_shape=[2,3], p=3, pads=[0,1,1,0]> (x)": (1, 3, 6, 8),
    "y = MaxPool <kernel_shape=[3], strides=[2], ceil_mode=1> (x)": (1, 3, 8),
    "y = MaxPool <kernel_shape=[2,2,2], dilations=[2,1,2]> (x)": (2, 3, 5, 6, 5),
    'y = AveragePool <kernel_shape=[2,3], strides=[2,2], auto_pad="SAME_LOWER"> (x)': (2, 3, 5, 6),
    "y = AveragePool <kernel_shape=[3,3], strides=[2,2], pads=[1,1,1,1], ceil_mode=1,"
    " count_include_pad=1> (x)": (1, 3, 6, 8),
    "y = LpPool <kernel_shape=[2,2], p=1, pads=[0,1,1,0]> (x)": (1, 3, 6, 8),
    "y = InstanceNormalization (x, s, b)": (2, 4, 3, 5),
    CONV + "y = InstanceNormalization (c, s, b)": (1, 3, 4, 5),
    "y = BatchNormalization (x, s, b, s, v)": (2, 4, 3, 5),
    "y = BatchNormalization (x, s, b, b, v) ": (2, 4),
    "y = LRN <size=3> (x)": (2, 4, 3, 5),
    "y = LpNormalization <axis=1, p=1> (x)": (2, 3, 4),
    CONV + "y = MeanVarianceNormalization (c)": (1, 3, 4, 5),
    "y = CumSum <exclusive=1, reverse=1> (x, one)": (2, 4, 3),
}
CONSTANTS = {
    "a": np.asarray([-1, 1]),
    "k": np.asarray([2]),
    "s": np.asarray([0.5, -1.0, 2.0, 1.0], np.float32),
    "b": np.asarray([0.5, 0.0, -2.0, 1.0], np.float32),
    "v": np.asarray([0.5, 1.0, 2.0, 0.1], np.float32),
    "g": np.random.default_rng(2).normal(size=(3, 4)).astype(np.float32),
    "h": np.random.default_rng(3).normal(size=(4,)).astype(np.float32),
    "one": np.asarray(1),
    "w": np.random.default_rng(1).normal(size=(4, 3, 2, 2)).astype(np.float32),
}


def compare(body: str, shape: Sequence[int], opset: int = 13) -> None:
    """Compare the float graph with onnxruntime."""
    sizes = ",".join(map(str, shape))
    model = onnx.parser.parse_model(
        f'<ir_version: 8, opset_import: ["" : {opset}]> n (float[{sizes}] x) => (float[] y)'
        f" {{ {body} }}"
    )
    for name, data in CONSTANTS.items():
        if f" {name})" in body or f", {name}" in body:
            model.graph.initializer.append(numpy_helper.from_array(data, name))
    indices = "Arg" in body or "v, y" in body
    kind = onnx.TensorProto.INT64 if indices else onnx.TensorProto.FLOAT
    model.graph.output[0].type.tensor_type.elem_type = kind
    model.graph.output[0].type.tensor_type.ClearField("shape")
    model = onnx.shape_inference.infer_shapes(model)
    model.graph.output[0].type.tensor_type.shape.SetInParent()
    x = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    x = np.abs(x) + 0.1 if "ReduceLogSum " in body else x
    session = onnxruntime.InferenceSession(model.SerializeToString())
    (expected,) = session.run(["y"], {"x": x})
    graph = canonicalize(import_model(model, "net.onnx"))
    (name,) = graph.inputs
    (found,) = evaluate(graph, [graph.origin(name).one(x, graph.types[name].shape)]).values()
    wanted = graph.origin("y").one(np.asarray(expected), graph.types["y"].shape)
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-4)


@pytest.mark.parametrize("body", BODIES)
def test_groups(body: str) -> None:
    compare(body, BODIES[body])


@pytest.mark.parametrize(
    ("body", "opset"),
    [
        ("y = LayerNormalization <axis=-2> (x, g, h)", 17),
        ("y = LayerNormalization <axis=1> (x, s)", 17),
        ("y = GroupNormalization <num_groups=2> (x, s, b)", 21),
    ],
)
def test_normalizations_of_later_opsets(body: str, opset: int) -> None:
    compare(body, (1, 4, 3, 4) if "Group" in body else (2, 3, 4), opset)


@pytest.mark.parametrize("op_type", ["Softmax", "LogSoftmax", "Hardmax"])
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_all_dimensions_from_the_axis_on(op_type: str, axis: int) -> None:
    compare(f"y = {op_type} <axis={axis}> (x)", (2, 3, 4), opset=11)
