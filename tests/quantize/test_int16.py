"""Networks with int16 activations: nearer to floats, formats of files, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from codegen.errors import UnsupportedOperator
from codegen.frontend import import_model
from codegen.ir.evaluate import evaluate
from codegen.ir.graph import Graph
from codegen.ir.types import Array, DType, Quant
from codegen.ops import Requantize
from codegen.passes import canonicalize
from codegen.quantize import Samples, calibrate, quantize
from codegen.quantize.ranges import Ranges
from tests.ops.harness import GENERIC, assert_c_equals_reference
from tests.quantize import real_models as real

STEPS, INPUTS, UNITS = 60, 8, 24
GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}


def error(found: Array, exact: Array) -> float:
    """The root of the mean square of the error, as a part of that of the exact values."""
    exact = exact.reshape(found.shape)
    return float(np.sqrt(np.mean((found - exact) ** 2) / np.mean(exact**2)))


@pytest.mark.parametrize(
    ("name", "at_most", "times"),
    [
        ("mlperf_tiny_kws_dscnn_f32", 0.006, 2.5),
        ("mlperf_tiny_ad_autoencoder_f32", 0.005, 1.5),
    ],
)
def test_real_networks_are_nearer_to_floats(
    shared_models: Path, name: str, at_most: float, times: float
) -> None:
    """What remains is the error of weights of 8 bits: 0.5 % of 1.4 %, and 0.4 % of 0.7 %."""
    model, graph = real.open_network(shared_models, name)
    ranges = calibrate(model, graph, real.calibration(shared_models, name))
    samples = real.evaluation(shared_models, name, 40)
    exact = real.run_onnxruntime(model, graph, samples)
    errors = [
        error(real.run_fixed(quantize(graph, ranges, activations=element), samples), exact)
        for element in (DType.INT8, DType.INT16)
    ]
    assert errors[1] <= at_most
    assert errors[1] * times <= errors[0]


def in_steps(weights: Array) -> Array:
    """Round each row to 127 steps of its greatest magnitude."""
    scales = np.abs(weights).max(axis=-1, keepdims=True) / 127
    return (np.rint(weights / scales) * scales).astype(np.float32)


def recurrent_model(kind: str) -> onnx.ModelProto:
    """A recurrent layer and a dense one that reads its last state; weights that int8 holds."""
    rng = np.random.default_rng(3)
    rows = GATES[kind] * UNITS
    shapes = {
        "W": (1, rows, INPUTS),
        "R": (1, rows, UNITS),
        "B": (1, 2 * rows),
        "D": (5, UNITS),
    }
    stored = [
        numpy_helper.from_array(in_steps(rng.normal(0, 0.35, shape)), name)
        for name, shape in shapes.items()
    ]
    nodes = [
        helper.make_node(kind, ["x", "W", "R", "B"], ["", "h"], "layer", hidden_size=UNITS),
        helper.make_node("Reshape", ["h", "flat"], ["f"]),
        helper.make_node("Gemm", ["f", "D"], ["y"], transB=1),
    ]
    stored.append(numpy_helper.from_array(np.array([1, UNITS]), "flat"))
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, (STEPS, 1, INPUTS))
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, (1, 5))
    graph = helper.make_graph(nodes, "net", [x], [y], stored)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)], ir_version=8)


@pytest.mark.parametrize("kind", GATES)
def test_recurrent_networks_are_nearer_to_floats(kind: str) -> None:
    """Where weights are exact: an error of 0.015 % or less, of 0.6 % or more."""
    model = recurrent_model(kind)
    graph = canonicalize(import_model(model, "net.onnx"))
    walks = np.random.default_rng(4).normal(0, 0.5, (12, STEPS, 1, INPUTS)).cumsum(axis=1)
    xs = np.clip(walks, -3, 3).astype(np.float32)
    ranges = calibrate(model, graph, Samples((xs,), "walks"))
    session = onnxruntime.InferenceSession(model.SerializeToString())
    exact = np.stack([session.run(None, {"x": x})[0] for x in xs])
    errors = []
    for element in (DType.INT8, DType.INT16):
        fixed = quantize(graph, ranges, activations=element)
        x, y = fixed.types[fixed.inputs[0]], fixed.types["y"]
        assert x.quant is not None and y.quant is not None
        batch = x.quant.quantize(xs.reshape(12, *x.shape), x.dtype)
        errors.append(error(y.quant.dequantize(evaluate(fixed, [batch])["y"]), exact))
    assert errors[1] <= 2e-4
    assert errors[1] * 40 <= errors[0]
    assert_c_equals_reference(fixed, GENERIC, np.random.default_rng(0))


def qdq_model() -> onnx.ModelProto:
    """A convolution, a sum, a sigmoid and a softmax between QuantizeLinear of int16."""
    rng = np.random.default_rng(7)
    stored = {
        "w": rng.integers(-127, 128, (4, 3, 3, 3)).astype(np.int8),
        "w_scale": np.float32([0.01, 0.004, 0.02, 0.007]),
        "w_zero": np.zeros(4, np.int8),
        "b": rng.integers(-90000, 90000, 4).astype(np.int32),
        "b_scale": np.float32([0.01, 0.004, 0.02, 0.007]) * np.float32(1e-4),
        "zero": np.int16(0),
        **{f"{name}_scale": np.float32(scale) for name, scale in SCALES.items()},
    }
    nodes: list[onnx.NodeProto] = []

    def through(tensor: str) -> str:
        format_ = [f"{tensor}_scale", "zero"]
        nodes.append(helper.make_node("QuantizeLinear", [tensor, *format_], [f"{tensor}_q"]))
        nodes.append(
            helper.make_node("DequantizeLinear", [f"{tensor}_q", *format_], [f"{tensor}_r"])
        )
        return f"{tensor}_r"

    real = through("x")
    nodes.append(helper.make_node("DequantizeLinear", ["w", "w_scale", "w_zero"], ["wr"], axis=0))
    nodes.append(helper.make_node("DequantizeLinear", ["b", "b_scale"], ["br"], axis=0))
    nodes.append(helper.make_node("Conv", [real, "wr", "br"], ["c"], "conv", pads=[1, 1, 1, 1]))
    conv = through("c")
    nodes.append(helper.make_node("Sigmoid", [conv], ["s"], "sigmoid"))
    nodes.append(helper.make_node("Add", [through("s"), conv], ["a"], "add"))
    nodes.append(helper.make_node("Softmax", [through("a")], ["p"], "softmax", axis=1))
    result = through("p")
    ports = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        for name, shape in (("x", (1, 3, 5, 6)), (result, (1, 4, 5, 6)))
    ]
    tensors = [numpy_helper.from_array(np.asarray(data), name) for name, data in stored.items()]
    graph = helper.make_graph(nodes, "net", ports[:1], ports[1:], tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)


SCALES = {"x": 1e-4, "c": 4e-4, "s": 1 / 32768, "a": 5e-4, "p": 1 / 32768}


def test_a_file_prescribes_formats_of_int16() -> None:
    """They are adopted as they are, and results lie three steps from onnxruntime at most."""
    model = qdq_model()
    fixed = quantize(canonicalize(import_model(model, "net.onnx")))
    computed = [fixed.types[name] for name in (*fixed.inputs, *(n.output for n in fixed.nodes))]
    assert {kind.dtype for kind in computed} == {DType.INT16}
    found = {kind.quant.scale for kind in computed if kind.quant is not None}
    assert found == {float(np.float32(scale)) for scale in SCALES.values()}
    x = np.random.default_rng(8).integers(-(2**15), 2**15, (1, 3, 5, 6)).astype(np.int16)
    session = onnxruntime.InferenceSession(model.SerializeToString())
    (exact,) = session.run(None, {"x": (x * np.float32(SCALES["x"]))})
    y = evaluate(fixed, [x.transpose(0, 2, 3, 1)])[fixed.outputs[0]]
    steps = exact.transpose(0, 2, 3, 1) * 32768
    assert np.abs(y.reshape(steps.shape) - steps).max() <= 3
    assert_c_equals_reference(fixed, GENERIC, np.random.default_rng(0))


def small_model(nodes: list[onnx.NodeProto]) -> Graph:
    """A network of nodes that lead from x and z to y."""
    ports = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, (1, 4, 6)) for name in ("x", "z")
    ]
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, (1, 4, 6))
    graph = helper.make_graph(nodes, "net", ports, [y])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    return canonicalize(import_model(model, "net.onnx"))


def test_all_that_int16_has_no_kernel_for_is_told_at_once() -> None:
    graph = small_model(
        [
            helper.make_node("Pow", ["x", "z"], ["a"], "power"),
            helper.make_node("Mod", ["a", "z"], ["b"], "rest", fmod=1),
            helper.make_node("Add", ["a", "b"], ["y"], "sum"),
        ]
    )
    names = (*graph.inputs, *(node.output for node in graph.nodes))
    ranges = Ranges(dict.fromkeys(names, (0.1, 2.0)), "")
    with pytest.raises(UnsupportedOperator) as caught:
        quantize(graph, ranges, activations=DType.INT16)
    places = [problem.where for problem in caught.value.problems]
    assert ["power" in place for place in places] == [True, False]
    assert all("int16" in problem.message for problem in caught.value.problems)
    assert "--activations int8" in caught.value.problems[0].hint


def test_formats_of_int16_are_symmetric() -> None:
    graph = small_model([helper.make_node("Add", ["x", "z"], ["y"], "sum")])
    ranges = Ranges({"x": (-1.0, 1.63835), "z": (0.0, 0.0), "y": (-32767.0, 1.0)}, "")
    fixed = quantize(graph, ranges, activations=DType.INT16)
    formats = [fixed.types[name].quant for name in ("x", "z", *fixed.outputs)]
    scales = [quant.scale for quant in formats if quant is not None]
    assert scales == [float(np.float32(1e-4)), 1.0, 2.0]
    assert not any(kind.is_plain for kind in fixed.types.values())


def test_values_of_two_types_meet_in_16_bits() -> None:
    """A file that prescribes int8 on one side of a sum and int16 on the other."""
    graph = small_model([helper.make_node("Add", ["x", "z"], ["y"], "sum")])
    types = dict(graph.types)
    for name, quant in {
        "x": Quant((0.1,), 3),
        "z": Quant((0.1,), element=DType.INT16),
        graph.outputs[0]: Quant((0.1,), element=DType.INT16),
    }.items():
        types[name] = type(types[name])(types[name].shape, DType.FLOAT32, quant)
    mixed = Graph(graph.name, graph.inputs, graph.outputs, graph.nodes, types, graph.constants)
    fixed = quantize(mixed)
    x = np.arange(-128, -104, dtype=np.int8).reshape(1, 4, 6)
    z = np.full((1, 4, 6), 20000, np.int16)
    (y,) = evaluate(fixed, [x, z]).values()
    assert np.array_equal(y, x.astype(np.int16) - 3 + 20000)
    assert_c_equals_reference(fixed, GENERIC, np.random.default_rng(0))


def test_integers_that_stand_for_themselves_stay_as_they_are() -> None:
    graph = small_model(
        [
            helper.make_node("Add", ["x", "z"], ["a"], "sum"),
            helper.make_node("ArgMax", ["a"], ["i"], "most", axis=2),
            helper.make_node("Cast", ["i"], ["c"], "real", to=TensorProto.FLOAT),
            helper.make_node("Add", ["a", "c"], ["y"], "both"),
        ]
    )
    names = (*graph.inputs, *(node.output for node in graph.nodes))
    ranges = Ranges(dict.fromkeys(names, (-1.0, 6.0)), "")
    fixed = quantize(graph, ranges, activations=DType.INT16)
    assert not any(isinstance(node.op, Requantize) for node in fixed.nodes)
    assert_c_equals_reference(fixed, GENERIC, np.random.default_rng(0))
