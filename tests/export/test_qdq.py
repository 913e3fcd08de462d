"""Exported models read back as the same integers, and onnxruntime is a step off at most."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, numpy_helper

from codegen import zoo
from codegen.errors import UnsupportedOperator, VerificationFailed
from codegen.export import qdq_model
from codegen.frontend import import_model
from codegen.ir.graph import Graph
from codegen.ir.types import DType
from codegen.passes import canonicalize
from codegen.quantize import calibrate, quantize, synthetic_samples
from codegen.verify import check_exported
from codegen.verify.same_graph import find_difference
from tests.quantize import real_models as real
from tests.toy_model import toy_model


def fixed_graph(model: onnx.ModelProto, activations: DType = DType.INT8) -> Graph:
    """Return the fixed-point graph of a float model, from made-up samples."""
    graph = canonicalize(import_model(model, "toy.onnx"))
    ranges = calibrate(model, graph, synthetic_samples(graph, 8, 0))
    return quantize(graph, ranges, activations=activations)


def check(graph: Graph, count: int = 4) -> onnx.ModelProto:
    """Return the exported model, checked by ONNX, by reading it back and by running it.

    Of 16 bits, functions are interpolated: more of their results are a step off; so they are where
    rounding errors add up, as in recurrent layers.
    """
    is_wide = any(kind.is_int16 for kind in graph.types.values())
    model = qdq_model(graph)
    onnx.checker.check_model(model, full_check=True)
    layers = check_exported(model, graph, synthetic_samples(graph, count, 1))
    assert len(layers) >= 0.75 * len(graph.nodes)
    for layer in layers:
        assert layer.greatest <= 1, layer.node
        assert layer.equal_share >= (0.6 if is_wide else 0.85), layer.node
    return model


def count_of(model: onnx.ModelProto, op_type: str) -> int:
    return sum(node.op_type == op_type for node in model.graph.node)


CASES = {
    "conv_relu": ("y = Conv <pads=[1,1,1,1]> (x, w663, b6) z = Relu (y)", "z"),
    "conv_clip": ("a = Conv <strides=[2,2]> (x, w663, b6) z = Clip (a, low, high)", "z"),
    "depthwise": ("a = Conv <group=6, pads=[1,1,1,1]> (x, w613, b6) z = Relu (a)", "z"),
    "dilated": ("z = Conv <dilations=[2,2]> (x, w663)", "z"),
    "shuffle": (
        "a = Conv <group=2> (x, w631, b6) b = Relu (a) c = Reshape (b, apart)"
        " d = Transpose <perm=[0,2,1,3,4]> (c) e = Reshape (d, whole)"
        " z = Conv <group=6> (e, w613, b6)",
        "z",
    ),
    "residual": (
        "a = Conv <pads=[1,1,1,1]> (x, w663, b6) b = Add (a, x) z = Relu (b)",
        "z",
    ),
    "concat": (
        "a = Conv (x, w661, b6) b = Relu (x) c = Concat <axis=1> (a, b) z = Relu (c)",
        "z",
    ),
    "max_pool": ("z = MaxPool <kernel_shape=[3,3], strides=[2,2], pads=[1,1,1,1]> (x)", "z"),
    "average_pool": ("z = AveragePool <kernel_shape=[3,3], pads=[1,1,1,1]> (x)", "z"),
    "padded_average": (
        "z = AveragePool <kernel_shape=[3,3], pads=[1,1,1,1], count_include_pad=1> (x)",
        "z",
    ),
    "global_pools": (
        "a = GlobalAveragePool (x) b = GlobalMaxPool (x) c = Concat <axis=1> (a, b)"
        " z = Flatten (c)",
        "z",
    ),
    "flatten_gemm": ("a = Flatten (x) z = Gemm <transB=1> (a, matrix, b5)", "z"),
    "flatten_twice": (
        "a = Flatten (x) b = Gemm <transB=1> (a, matrix, b5) c = Sigmoid (a)"
        " d = Gemm <transB=1> (c, matrix) z = Add (b, d)",
        "z",
    ),
    "pad": ("a = Pad (x, pads) z = Relu (a)", "z"),
    "slice": ("z = Slice (x, starts, ends, axes, steps)", "z"),
    "softmax": ("z = Softmax <axis=1> (x)", "z"),
    "sigmoid": ("a = Conv (x, w661, b6) z = Sigmoid (a)", "z"),
    "hard_swish": ("a = Conv (x, w661, b6) b = HardSigmoid (a) z = Mul (a, b)", "z"),
    "leaky_relu": ("a = Conv (x, w661, b6) z = LeakyRelu <alpha=0.125> (a)", "z"),
    "tanh_of_sum": ("a = Add (x, low) b = Tanh (a) z = Mul (b, high)", "z"),
    "transpose": ("a = Relu (x) z = Transpose <perm=[0,2,3,1]> (a)", "z"),
    "broadcast": ("a = GlobalAveragePool (x) b = Sigmoid (a) z = Mul (x, b)", "z"),
    "constant_plane": ("a = Mul (x, plane) z = Max (a, x)", "z"),
    "reduce_sum": ("z = ReduceSum (x, axis)", "z"),
    "reduce_max": ("z = ReduceMax <axes=[2, 3]> (x)", "z"),
    "reduce_mean": ("a = Flatten (x) z = ReduceMean <axes=[1]> (a)", "z"),
    "reduce_l2": ("z = ReduceL2 <axes=[1]> (x)", "z"),
    "arg_max": ("z = ArgMax <axis=1> (x)", "z"),
    "top_k": ("z, i = TopK <axis=2> (x, k)", "z"),
    "hardmax": ("z = Hardmax <axis=3> (x)", "z"),
    "log_softmax": ("z = LogSoftmax <axis=1> (x)", "z"),
    "cum_sum": ("z = CumSum (x, one)", "z"),
    "lrn": ("z = LRN <size=3, alpha=0.5> (x)", "z"),
    "matmul": ("a = Transpose <perm=[0,1,3,2]> (x) b = Relu (x) z = MatMul (b, a)", "z"),
    "scaled_matmul": ("b = Relu (x) c = MatMul (x, b) z = Mul (c, high)", "z"),
    "resize_nearest": (
        'z = Resize <mode="nearest", coordinate_transformation_mode="asymmetric",'
        ' nearest_mode="floor"> (x, , doubled)',
        "z",
    ),
    "resize_linear": (
        'z = Resize <mode="linear", coordinate_transformation_mode="half_pixel"> (x, , doubled)',
        "z",
    ),
    "resize_corners": (
        'z = Resize <mode="linear", coordinate_transformation_mode="align_corners">'
        " (x, , , larger)",
        "z",
    ),
    "gather": ("z = Gather <axis=1> (x, places)", "z"),
    "lookup": ("a = ArgMax <axis=1, keepdims=0> (x) z = Gather (table, a)", "z"),
    "lstm": (
        "a = Reshape (x, sequence) b, z = LSTM <hidden_size=4> (a, lstm_w, lstm_r, lstm_b)",
        "b",
    ),
    "gru": (
        "a = Reshape (x, sequence) b, z = GRU <hidden_size=4, linear_before_reset=1,"
        ' direction="bidirectional"> (a, gru_w, gru_r, gru_b)',
        "b",
    ),
    "rnn": ("a = Reshape (x, sequence) b, z = RNN <hidden_size=4> (a, rnn_w, rnn_r)", "z"),
    "batch_normalization": ("z = BatchNormalization (x, b6, b6, b6, ones)", "z"),
}
"""Operators behind an image (1, 6, 8, 8), and the output's name."""
NUMBERS = {
    "apart": [1, 2, 3, 8, 8],
    "whole": [1, 6, 8, 8],
    "pads": [0, 0, 1, 2, 0, 0, 2, 1],
    "starts": [1, 7],
    "ends": [6, 0],
    "axes": [1, 2],
    "steps": [2, -1],
    "axis": [2],
    "k": [3],
    "one": 1,
    "places": [0, 3, 1],
    "larger": [1, 6, 15, 12],
    "sequence": [16, 1, 24],
}
WEIGHTS = {
    "w661": (6, 6, 1, 1),
    "w663": (6, 6, 3, 3),
    "w613": (6, 1, 3, 3),
    "w631": (6, 3, 1, 1),
    "matrix": (5, 384),
    "plane": (8, 8),
    "table": (6, 4),
    "lstm_w": (1, 16, 24),
    "lstm_r": (1, 16, 4),
    "lstm_b": (1, 32),
    "gru_w": (2, 12, 24),
    "gru_r": (2, 12, 4),
    "gru_b": (2, 24),
    "rnn_w": (1, 4, 24),
    "rnn_r": (1, 4, 4),
    "b6": (6,),
    "b5": (5,),
}


def case_model(body: str, output: str) -> onnx.ModelProto:
    """Return a model of some nodes, its output of whatever shape they make."""
    text = f'<ir_version: 8, opset_import: ["" : 17]> toy (float[N, 6, 8, 8] x) => (float {output})'
    nodes = body.replace(") ", ")\n")
    model = onnx.parser.parse_model(f"{text} {{ {nodes} }}")
    rng = np.random.default_rng(2)
    constants = {name: rng.normal(0, 0.4, shape) for name, shape in WEIGHTS.items()}
    constants |= {
        "ones": np.ones(6),
        "doubled": np.asarray([1, 1, 2, 2]),
        "low": np.asarray(-0.5),
        "high": np.asarray(0.75),
    }
    arrays = {name: data.astype(np.float32) for name, data in constants.items()}
    arrays |= {name: np.asarray(data, np.int64) for name, data in NUMBERS.items()}
    used = {name for node in model.graph.node for name in node.input}
    for name in sorted(used & arrays.keys()):
        model.graph.initializer.append(numpy_helper.from_array(arrays[name], name))
    model.graph.output[0].type.Clear()
    inferred = onnx.shape_inference.infer_shapes(model)
    model.graph.output[0].CopyFrom(inferred.graph.output[0])
    return model


@pytest.mark.parametrize("case", CASES)
def test_operator(case: str) -> None:
    model = check(fixed_graph(case_model(*CASES[case])))
    assert model.opset_import[0].version == 13


WIDE = [case for case in CASES if case not in ("reduce_l2", "lrn", "lstm", "gru", "rnn")]
"""Those of 16 bits that are a step off at most: errors of recurrent layers add up."""
SAMPLE = ("conv_relu", "shuffle", "residual", "flatten_gemm", "tanh_of_sum", "matmul", "top_k")


@pytest.mark.parametrize(
    "case", [pytest.param(c, marks=[pytest.mark.slow] * (c not in SAMPLE)) for c in WIDE]
)
def test_operator_of_16_bits(case: str) -> None:
    model = check(fixed_graph(case_model(*CASES[case]), DType.INT16))
    assert model.opset_import[0].version == 21


def test_ports_are_floats_in_the_shape_of_the_file() -> None:
    original = toy_model()
    model = check(fixed_graph(original))
    for found, known in zip(
        (*model.graph.input, *model.graph.output),
        (*original.graph.input, *original.graph.output),
        strict=True,
    ):
        assert found.name == known.name
        assert found.type.tensor_type.elem_type == TensorProto.FLOAT
        dims = [dim.dim_value or 1 for dim in known.type.tensor_type.shape.dim]
        assert [dim.dim_value for dim in found.type.tensor_type.shape.dim] == dims
    assert count_of(model, "Transpose") == 0


def test_weights_are_integers_with_a_scale_for_each_output() -> None:
    model = check(fixed_graph(toy_model()))
    stored = {tensor.name: tensor for tensor in model.graph.initializer}
    held = [
        stored[node.input[0]]
        for node in model.graph.node
        if node.op_type == "DequantizeLinear" and node.input[0] in stored
    ]
    kinds = {(tensor.data_type, tuple(tensor.dims)) for tensor in held}
    int8, int32 = TensorProto.INT8, TensorProto.INT32
    assert kinds == {(int8, (4, 2, 3, 3)), (int32, (4,)), (int8, (3, 36)), (int32, (3,))}
    assert all(
        len(stored[node.input[1]].dims) == 1
        for node in model.graph.node
        if node.op_type == "DequantizeLinear" and node.input[0] in stored
    )


def test_every_operator_without_a_form_is_named() -> None:
    pool = "LpPool <kernel_shape=[3, 3]>"
    graph = fixed_graph(case_model(f"a = {pool} (x) b = Relu (a) z = {pool} (b)", "z"))
    with pytest.raises(UnsupportedOperator, match="no form in ONNX") as caught:
        qdq_model(graph)
    places = [problem.where for problem in caught.value.problems]
    assert places == [f"toy.onnx: node 'LpPool_{name}' (LpPool)" for name in "az"]


def test_powers_of_two_stay_what_they_are() -> None:
    model = case_model(*CASES["residual"])
    graph = canonicalize(import_model(model, "toy.onnx"))
    ranges = calibrate(model, graph, synthetic_samples(graph, 8, 0))
    check(quantize(graph, ranges, scheme="pow2"))


def test_another_integer_is_found() -> None:
    graph = fixed_graph(toy_model())
    model = qdq_model(graph)
    weights = next(tensor for tensor in model.graph.initializer if tensor.name == "w1")
    data = numpy_helper.to_array(weights).copy()
    data[0, 0, 0, 0] ^= 1
    weights.CopyFrom(numpy_helper.from_array(data, "w1"))
    with pytest.raises(VerificationFailed, match="reads back as another"):
        check_exported(model, graph, synthetic_samples(graph, 1, 0))


def test_a_difference_in_names_is_none() -> None:
    graph = fixed_graph(toy_model())
    assert find_difference(graph, graph) == ""
    other = fixed_graph(toy_model(), DType.INT16)
    assert find_difference(graph, other) == "input 'image'"


REAL = {
    "mlperf_tiny_ic_resnet8_f32": 1,
    "mlperf_tiny_kws_dscnn_f32": 1,
    "mlperf_tiny_vww_mobilenetv1_025_96_f32": 1,
    "mlperf_tiny_ad_autoencoder_f32": 0,
    "resnet20_cifar10_f32": 0,
    "shufflenetv1_05_g3_cifar10_f32": None,
    "mobilenetv2_035_128_flowers_f32": 0,
    "mobilenetv2_1.0_224_imagenet_uint8": None,
}
"""Real networks, and how many transpositions their ports ask for; None where any number will do."""
LARGE = ("mobilenetv2_1.0_224_imagenet_uint8", "mobilenetv2_035_128_flowers_f32")


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=[pytest.mark.slow] * (n in LARGE)) for n in REAL]
)
def test_real_network(shared_models: Path, name: str) -> None:
    model, graph = real.open_network(shared_models, name)
    samples = synthetic_samples(graph, 2, 0)
    fixed = quantize(graph, calibrate(model, graph, samples))
    exported = check(fixed, 1)
    if REAL[name] is not None:
        assert count_of(exported, "Transpose") <= REAL[name]


ZOO = {
    "mobilenet_v2": {"resolution": 96, "alpha": 0.35, "classes": 10},
    "squeezenet": {"resolution": 96, "classes": 10},
}


@pytest.mark.parametrize("name", ZOO)
def test_zoo_network(name: str) -> None:
    model = zoo.build(name, ZOO[name])
    exported = check(fixed_graph(model), 1)
    assert count_of(exported, "Transpose") == 0
