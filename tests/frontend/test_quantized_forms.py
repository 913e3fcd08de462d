"""Quantized operators and uint8: the integers that onnxruntime makes, at most one step apart."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import helper, numpy_helper

from codegen.errors import UnsupportedOperator
from codegen.frontend import import_model
from codegen.ir.evaluate import evaluate
from codegen.ir.graph import Graph
from codegen.ir.types import Array
from codegen.passes import canonicalize
from codegen.quantize import quantize
from codegen.quantize.probe import held_as

STORED = [np.uint8, np.int8]
BINARY = ["x0", "xs", "xz", "x1", "ws", "wz", "ys", "yz"]
WEIGHTED = ["x0", "xs", "xz", "w", "ws", "wz", "ys", "yz"]
UNARY = ["x0", "xs", "xz", "ys", "yz"]


@dataclass(frozen=True)
class Form:
    """A node: operator, inputs, shapes of the computed ones and of `w`, attributes."""

    op: str
    inputs: list[str]
    shapes: list[tuple[int, ...]]
    weights: tuple[int, ...] = ()
    attributes: dict[str, object] = field(default_factory=dict)
    per_output: int = 0
    probabilities: bool = False
    steps: int = 0
    """How far it may be."""


IMAGE = (1, 4, 6, 7)
FORMS = [
    Form("QLinearConv", [*WEIGHTED, "b"], [IMAGE], (5, 4, 3, 3), {"pads": [1, 1, 1, 1]}),
    Form("QLinearConv", WEIGHTED, [IMAGE], (5, 4, 3, 3), {"strides": [2, 2]}, per_output=5),
    Form("QLinearConv", WEIGHTED, [IMAGE], (4, 1, 3, 3), {"group": 4, "dilations": [2, 2]}),
    Form("QLinearMatMul", WEIGHTED, [(1, 8)], (8, 5)),
    Form("QLinearMatMul", WEIGHTED, [(1, 6, 8)], (8, 5)),
    Form("QLinearAdd", BINARY, [(1, 4, 5)] * 2),
    Form("QLinearMul", BINARY, [(1, 4, 5)] * 2),
    Form("QLinearAdd", WEIGHTED, [(1, 4, 5)], (1, 4, 5), steps=1),
    Form("QLinearMul", WEIGHTED, [(1, 4, 5)], (1, 4, 5), steps=1),
    Form("QLinearAveragePool", UNARY, [IMAGE], (), {"kernel_shape": [2, 2]}, steps=1),
    Form("QLinearGlobalAveragePool", UNARY, [IMAGE], (), {"channels_last": 0}, steps=1),
    Form("QLinearSigmoid", UNARY, [(1, 4, 6)], probabilities=True),
    Form("QLinearLeakyRelu", UNARY, [(1, 4, 6)], (), {"alpha": 0.1}),
    Form(
        "QLinearSoftmax",
        UNARY,
        [(1, 4, 6)],
        (),
        {"axis": -1, "opset": 13},
        probabilities=True,
        steps=1,
    ),
    Form("QGemm", [*WEIGHTED[:6], "b", "ys", "yz"], [(1, 8)], (5, 8), {"transB": 1}),
    Form(
        "QLinearConcat",
        ["ys", "yz", "x0", "xs", "xz", "x1", "ws", "wz"],
        [(1, 2, 5), (1, 4, 5)],
        (),
        {"axis": 1},
    ),
]


def constants(form: Form, dtype: type[np.integer], rng: np.random.Generator) -> dict[str, Array]:
    """Formats, weights and a bias; the zero point of weights leaves some of them no int8."""
    base = 128 if dtype is np.uint8 else 0
    limits = np.iinfo(dtype)
    found = {
        "xs": np.float32(0.02),
        "xz": dtype(base + 3),
        "ws": np.float32(0.01),
        "wz": dtype(base - 20),
        "ys": np.float32(1 / 256 if form.probabilities else 0.05),
        "yz": dtype(base - (128 if form.probabilities else 7)),
        "b": rng.integers(-3000, 3000, 5).astype(np.int32),
        "w": rng.integers(limits.min, limits.max + 1, form.weights or (1,)).astype(dtype),
    }
    if form.per_output:
        found["ws"] = rng.uniform(0.005, 0.02, form.per_output).astype(np.float32)
        found["wz"] = np.full(form.per_output, base, dtype)
    return {name: np.asarray(found[name]) for name in form.inputs if name in found}


def model_of(
    nodes: list[onnx.NodeProto], inputs: list[Array], stored: dict[str, Array]
) -> tuple[onnx.ModelProto, Array]:
    """Return a model of one output `y`, and what onnxruntime makes of the inputs."""
    kind = helper.np_dtype_to_tensor_dtype(inputs[0].dtype)

    def build(shape: list[int] | None) -> onnx.ModelProto:
        ports = [
            helper.make_tensor_value_info(f"x{i}", kind, a.shape) for i, a in enumerate(inputs)
        ]
        result = [helper.make_tensor_value_info("y", kind, shape)]
        kept = [numpy_helper.from_array(array, name) for name, array in stored.items()]
        graph = helper.make_graph(nodes, "g", ports, result, kept)
        sets = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
        return helper.make_model(graph, opset_imports=sets, ir_version=8)

    session = onnxruntime.InferenceSession(
        build(None).SerializeToString(), providers=["CPUExecutionProvider"]
    )
    (expected,) = session.run(["y"], {f"x{i}": array for i, array in enumerate(inputs)})
    return build(list(expected.shape)), expected


def steps_apart(graph: Graph, inputs: list[Array], expected: Array) -> int:
    """Return how far the fixed-point graph is from onnxruntime."""

    def value(name: str, tensor: Array) -> Array:
        kind = graph.types[name]
        return graph.origin(name).one(held_as(kind.dtype, tensor), kind.shape)

    given = [value(name, array) for name, array in zip(graph.inputs, inputs, strict=True)]
    (output,) = graph.outputs
    found = evaluate(graph, given)[output]
    return int(np.abs(found.astype(int) - value(output, expected).astype(int)).max())


@pytest.mark.parametrize("dtype", STORED)
@pytest.mark.parametrize("form", FORMS, ids=lambda form: f"{form.op}-{form.weights}")
def test_quantized_operator(form: Form, dtype: type[np.integer]) -> None:
    rng = np.random.default_rng(1)
    limits = np.iinfo(dtype)
    inputs = [rng.integers(limits.min, limits.max + 1, s).astype(dtype) for s in form.shapes]
    domain = "" if form.op in ("QLinearConv", "QLinearMatMul") else "com.microsoft"
    node = helper.make_node(form.op, form.inputs, ["y"], "n", domain=domain, **form.attributes)
    model, expected = model_of([node], inputs, constants(form, dtype, rng))
    graph = quantize(canonicalize(import_model(model, "net.onnx")))
    assert steps_apart(graph, inputs, expected) <= form.steps


@pytest.mark.parametrize("dtype", STORED)
def test_weights_with_a_zero_point_stay_exact(dtype: type[np.integer]) -> None:
    """Those that do not fit int8 take 16 bits, and none is rounded."""
    rng = np.random.default_rng(2)
    form = Form("Conv", WEIGHTED, [IMAGE], (5, 4, 3, 3))
    stored = constants(form, dtype, rng)
    limits = np.iinfo(dtype)
    inputs = [rng.integers(limits.min, limits.max + 1, IMAGE).astype(dtype)]
    nodes = [
        helper.make_node("DequantizeLinear", ["x0", "xs", "xz"], ["x"], "dx"),
        helper.make_node("DequantizeLinear", ["w", "ws", "wz"], ["v"], "dw"),
        helper.make_node("Conv", ["x", "v"], ["z"], "conv"),
        helper.make_node("QuantizeLinear", ["z", "ys", "yz"], ["y"], "q"),
    ]
    model, expected = model_of(nodes, inputs, stored)
    graph = quantize(canonicalize(import_model(model, "net.onnx")))
    (weights,) = (graph.constants[node.inputs[1]] for node in graph.nodes)
    assert weights.dtype == np.int16
    real = stored["w"].astype(int) - int(stored["wz"])
    np.testing.assert_array_equal(weights, real.transpose(0, 2, 3, 1))
    assert steps_apart(graph, inputs, expected) == 0


def test_unsigned_activations_of_16_bits_are_refused() -> None:
    zero = np.uint16(0)
    node = helper.make_node("QuantizeLinear", ["x", "s", "z"], ["y"], "q")
    kept = [
        numpy_helper.from_array(np.asarray(v), n) for n, v in (("s", np.float32(1)), ("z", zero))
    ]
    ports = helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1, 4])
    kind = helper.np_dtype_to_tensor_dtype(zero.dtype)
    graph = helper.make_graph(
        [node], "g", [ports], [helper.make_tensor_value_info("y", kind, [1, 4])], kept
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    with pytest.raises(UnsupportedOperator, match="to uint16"):
        import_model(model, "net.onnx")
