"""Each ONNX operator, in each of its forms, against onnxruntime."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import onnx
import pytest

from codegen.frontend import import_model
from codegen.ir.types import Array
from tests.frontend.compare import assert_same, make_model, op_names

RNG = np.random.default_rng(7)


def real(*shape: int) -> Array:
    return RNG.standard_normal(shape).astype(np.float32)


def positive(*shape: int) -> Array:
    return RNG.uniform(0.5, 2.0, shape).astype(np.float32)


def integers(*values: int) -> Array:
    return np.asarray(values, np.int64)


def as_integers(given: Mapping[str, Array | list[int]]) -> dict[str, Array]:
    """Lists become int64 tensors."""
    return {
        name: integers(*value) if isinstance(value, list) else value
        for name, value in given.items()
    }


W, B = real(4, 3, 3, 3), real(4)

LINEAR = {
    "conv": ("y = Conv (x, w, b)", {"w": W, "b": B}),
    "conv without bias": ("y = Conv (x, w)", {"w": W}),
    "conv strides, asymmetric pads": (
        "y = Conv <strides=[2,1], pads=[0,1,2,0]> (x, w, b)",
        {"w": W, "b": B},
    ),
    "conv dilations": ("y = Conv <dilations=[2,3]> (x, w)", {"w": W}),
    "conv same upper": ('y = Conv <auto_pad="SAME_UPPER", strides=[2,2]> (x, w)', {"w": W}),
    "conv same lower": (
        'y = Conv <auto_pad="SAME_LOWER", strides=[2,2]> (x, w)',
        {"w": real(2, 3, 4, 3)},
    ),
    "conv valid": ('y = Conv <auto_pad="VALID"> (x, w)', {"w": W}),
    "conv depthwise": ("y = Conv <group=3> (x, w, b)", {"w": real(3, 1, 3, 3), "b": real(3)}),
    "conv depthwise multiplier": ("y = Conv <group=3> (x, w)", {"w": real(6, 1, 3, 3)}),
    "gemm": (
        "f = Flatten (x) y = Gemm <alpha=0.5, beta=2.0, transB=1> (f, w, b)",
        {"w": real(5, 192), "b": real(5)},
    ),
    "gemm row bias": ("f = Flatten (x) y = Gemm (f, w, b)", {"w": real(192, 5), "b": real(1, 5)}),
    "gemm scalar bias": ("f = Flatten (x) y = Gemm (f, w, b)", {"w": real(192, 5), "b": real(1)}),
    "matmul add": (
        "f = Flatten (x) m = MatMul (f, w) y = Add (m, b)",
        {"w": real(192, 5), "b": real(5)},
    ),
    "matmul of rows": (
        "f = Reshape (x, s) m = MatMul (f, w) y = Add (b, m)",
        {"s": integers(0, 3, 64), "w": real(64, 5), "b": real(5)},
    ),
    "matmul of images": ("y = MatMul (x, w)", {"w": real(8, 5)}),
    "two layers share weights": ("a = MatMul (x, w) y = MatMul (a, w)", {"w": real(8, 8)}),
}

AFFINE = {
    "add scalar": ("y = Add (x, c)", {"c": real(1)}),
    "add rank 0": ("y = Add (c, x)", {"c": real()}),
    "add channels": ("y = Add (x, c)", {"c": real(3, 1, 1)}),
    "add columns": ("y = Add (x, c)", {"c": real(8)}),
    "add values": ("a = Relu (x) y = Add (a, x)", {}),
    "add to itself": ("y = Add (x, x)", {}),
    "sub constant": ("y = Sub (x, c)", {"c": real(3, 1, 1)}),
    "sub from constant": ("y = Sub (c, x)", {"c": real(1, 3, 1, 1)}),
    "mul channels": ("y = Mul (x, c)", {"c": real(3, 1, 1)}),
    "mul vector": ("f = Flatten (x) y = Mul (f, c)", {"c": real(192)}),
    "div scalar": ("y = Div (x, c)", {"c": positive(1)}),
    "normalize, then conv": (
        "a = Sub (x, m) n = Div (a, d) y = Conv (n, w, b)",
        {"m": real(3, 1, 1), "d": positive(3, 1, 1), "w": W, "b": B},
    ),
    "normalize, then padded conv": (
        "a = Sub (x, m) y = Conv <pads=[1,1,1,1]> (a, w, b)",
        {"m": real(3, 1, 1), "w": W, "b": B},
    ),
    "normalize, then grouped conv": (
        "a = Sub (x, m) y = Conv <group=3> (a, w)",
        {"m": real(3, 1, 1), "w": real(6, 1, 3, 3)},
    ),
    "batch normalization": (
        "y = BatchNormalization <epsilon=0.01> (x, s, b, m, v)",
        {"s": real(3), "b": real(3), "m": real(3), "v": positive(3)},
    ),
    "conv, batch normalization, relu": (
        "c = Conv (x, w, k) n = BatchNormalization (c, s, b, m, v) y = Relu (n)",
        {"w": W, "k": B, "s": real(4), "b": real(4), "m": real(4), "v": positive(4)},
    ),
    "flatten, batch normalization, gemm": (
        "f = Flatten (x) n = BatchNormalization (f, s, b, m, v) y = Gemm (n, w)",
        {
            "s": real(192),
            "b": real(192),
            "m": real(192),
            "v": positive(192),
            "w": real(192, 3),
        },
    ),
}

POOLS = {
    "max pool": ("y = MaxPool <kernel_shape=[2,2], strides=[2,2]> (x)", {}),
    "max pool pads": ("y = MaxPool <kernel_shape=[3,2], pads=[1,0,2,1]> (x)", {}),
    "max pool ceil": ("y = MaxPool <kernel_shape=[3,3], strides=[2,2], ceil_mode=1> (x)", {}),
    "max pool ceil pads": (
        "y = MaxPool <kernel_shape=[3,3], strides=[3,2], pads=[1,1,1,1], ceil_mode=1> (x)",
        {},
    ),
    "max pool same": (
        'y = MaxPool <kernel_shape=[3,3], strides=[2,2], auto_pad="SAME_UPPER"> (x)',
        {},
    ),
    "average pool": ("y = AveragePool <kernel_shape=[2,4], strides=[2,1]> (x)", {}),
    "average pool excludes pads": (
        "y = AveragePool <kernel_shape=[3,3], pads=[1,1,1,1]> (x)",
        {},
    ),
    "average pool counts pads": (
        "y = AveragePool <kernel_shape=[3,3], pads=[1,0,1,2], count_include_pad=1> (x)",
        {},
    ),
    "average pool ceil": (
        "y = AveragePool <kernel_shape=[3,3], strides=[2,2], ceil_mode=1> (x)",
        {},
    ),
    "average pool same": (
        'y = AveragePool <kernel_shape=[3,3], strides=[2,2], auto_pad="SAME_LOWER"> (x)',
        {},
    ),
    "global average pool": ("y = GlobalAveragePool (x)", {}),
    "global average pool, flat": ("g = GlobalAveragePool (x) y = Flatten (g)", {}),
    "mean over space": ("y = ReduceMean <axes=[2,3]> (x)", {}),
    "mean over space, squeezed": ("y = ReduceMean <axes=[-1,-2], keepdims=0> (x)", {}),
    "mean over rows": ("y = ReduceMean <axes=[2]> (x)", {}),
    "mean over channels": ("y = ReduceMean <axes=[1]> (x)", {}),
    "mean over channels, squeezed": ("y = ReduceMean <axes=[1], keepdims=0> (x)", {}),
    "mean over all": ("y = ReduceMean <axes=[1,2,3]> (x)", {}),
    "mean of a conv over width": (
        "c = Conv (x, w) y = ReduceMean <axes=[3], keepdims=0> (c)",
        {"w": W},
    ),
}

ELEMENTWISE = {
    "relu": ("y = Relu (x)", {}),
    "clip": ("y = Clip (x, a, b)", {"a": real() - 1, "b": positive()}),
    "clip above": ("y = Clip (x, , b)", {"b": positive()}),
    "relu after relu6": ("a = Clip (x, l, h) y = Relu (a)", {"l": -positive(), "h": positive()}),
    "identity": ("y = Identity (x)", {}),
    "dropout": ("r = Relu (x) y = Dropout (r)", {}),
    "softmax last": ("y = Softmax (x)", {}),
    "softmax channels": ("y = Softmax <axis=1> (x)", {}),
    "softmax rows": ("c = Conv (x, w) y = Softmax <axis=2> (c)", {"w": W}),
    "conv add clip": (
        "c = Conv <pads=[1,1,1,1]> (x, w, b) a = Add (c, x) y = Clip (a, l, h)",
        {"w": real(3, 3, 3, 3), "b": real(3), "l": -positive(), "h": positive()},
    ),
}

LAYOUTS = {
    "flatten": ("y = Flatten (x)", {}),
    "flatten axis 2 of one channel": (
        "c = Conv (x, w) y = Flatten <axis=2> (c)",
        {"w": real(1, 3, 3, 3)},
    ),
    "reshape": ("y = Reshape (x, s)", {"s": integers(0, 4, -1)}),
    "reshape of a reshape": (
        "a = Reshape (x, s) y = Reshape (a, t)",
        {"s": integers(-1, 192), "t": integers(1, 6, 32)},
    ),
    "squeeze": ("a = Unsqueeze (x, k) y = Squeeze (a, k)", {"k": integers(2, 5)}),
    "squeeze of a mean": (
        "g = GlobalAveragePool (x) y = Squeeze (g, k)",
        {"k": integers(2, 3)},
    ),
    "transpose": ("y = Transpose <perm=[0,2,3,1]> (x)", {}),
    "transposes cancel": (
        "a = Transpose <perm=[0,2,3,1]> (x) b = Relu (a) y = Transpose <perm=[0,3,1,2]> (b)",
        {},
    ),
    "conv in channels last": (
        "a = Transpose <perm=[0,3,1,2]> (x) c = Conv (a, w) y = Transpose <perm=[0,2,3,1]> (c)",
        {"w": real(4, 8, 3, 3)},
    ),
    "concat": ("a = Relu (x) y = Concat <axis=1> (a, x)", {}),
    "concat rows": ("c = Conv (x, w) y = Concat <axis=-2> (c, c)", {"w": W}),
    "pad": ("y = Pad (x, p, v)", {"p": integers(0, 1, 0, 2, 0, 0, 3, 1), "v": real()}),
    "pad, conv": (
        "a = Pad (x, p) y = Conv <pads=[1,1,1,1]> (a, w)",
        {"p": integers(0, 0, 0, 1, 0, 0, 1, 1), "w": W},
    ),
    "pad, average pool": (
        "a = Pad (x, p) y = AveragePool <kernel_shape=[3,3]> (a)",
        {"p": integers(0, 0, 1, 1, 0, 0, 1, 0)},
    ),
    "pad, max pool": (
        "a = Pad (x, p, v) y = MaxPool <kernel_shape=[3,3]> (a)",
        {"p": integers(0, 0, 1, 1, 0, 0, 1, 0), "v": np.float32(-np.inf)},
    ),
    "shuffle": (
        "a = Reshape (x, s) b = Transpose <perm=[0,2,1,3,4]> (a) c = Reshape (b, t)"
        " y = Conv (c, w)",
        {"s": integers(0, 3, 2, 4, 8), "t": integers(0, 6, 4, 8), "w": real(4, 6, 3, 3)},
    ),
    "shape arithmetic": (
        "s = Shape (x) n = Gather (s, zero) m = Unsqueeze (n, zeros) r = Concat <axis=0> (m, rest)"
        " y = Reshape (x, r)",
        {"zero": np.asarray(0), "zeros": integers(0), "rest": integers(-1)},
    ),
}

SLICES = {
    "slice channels": ("y = Slice (x, s, e, a)", {"s": [1], "e": [3], "a": [1]}),
    "slice every other pixel": (
        "y = Slice (x, s, e, a, t)",
        {"s": [0, 1], "e": [2**31 - 1] * 2, "a": [2, 3], "t": [2, 2]},
    ),
    "slice backwards": (
        "c = Conv (x, w) y = Slice (c, s, e, a, t)",
        {"w": W, "s": [-1, 3], "e": [-(2**31), 0], "a": [-1, 1], "t": [-1, -2]},
    ),
    "slice without axes": ("y = Slice (x, s, e)", {"s": [0, 1, 0], "e": [1, 9, 5]}),
    "slice all": ("a = Slice (x, s, e, s) y = Relu (a)", {"s": [0], "e": [9]}),
    "subsample, pad channels": (
        "a = Slice (x, s, e, a1, t) p = Pad (a, q) c = Conv <strides=[2,2]> (x, w) y = Add (c, p)",
        {
            "s": [0, 0],
            "e": [9, 9],
            "a1": [2, 3],
            "t": [2, 2],
            "q": [0, 1, 0, 0, 0, 0, 0, 0],
            "w": real(4, 3, 1, 1),
        },
    ),
    "split evenly": (
        "c = Conv (x, w) a, b = Split <axis=1> (c) r = Relu (b) y = Concat <axis=1> (r, a)",
        {"w": W},
    ),
    "split rows in parts": (
        "a, b, c = Split <axis=-2> (x, s) y = Concat <axis=2> (c, a)",
        {"s": [1, 3, 4]},
    ),
    "gather a row": ("y = Gather <axis=2> (x, i)", {"i": np.asarray(-1)}),
    "gather evenly": ("y = Gather <axis=1> (x, i)", {"i": [2, 1, 0]}),
    "gather one": ("c = Conv (x, w) y = Gather <axis=-3> (c, i)", {"w": W, "i": [3]}),
}

NORMALIZATIONS = {
    "lrn": ("y = LRN <size=5, alpha=0.1, beta=0.7, bias=2.0> (x)", {}),
    "conv, relu, lrn, pool": (
        "c = Conv (x, w) r = Relu (c) n = LRN <size=3, alpha=1.0> (r)"
        " y = MaxPool <kernel_shape=[2,2]> (n)",
        {"w": W},
    ),
}

CASES = {
    **LINEAR,
    **AFFINE,
    **POOLS,
    **ELEMENTWISE,
    **LAYOUTS,
    **{name: (body, as_integers(given)) for name, (body, given) in SLICES.items()},
    **NORMALIZATIONS,
}


@pytest.mark.parametrize("name", CASES)
def test_operator_equals_onnxruntime(name: str) -> None:
    body, constants = CASES[name]
    assert_same(make_model(body, constants))


OLD = {
    "squeeze, unsqueeze attributes": "a = Unsqueeze <axes=[1]> (x) y = Squeeze <axes=[1]> (a)",
    "softmax from axis 1": "y = Softmax (x)",
    "softmax from axis 2": "y = Softmax <axis=2> (x)",
    "softmax from the last axis": "y = Softmax <axis=-1> (x)",
    "dropout": "y = Dropout <ratio=0.4> (x)",
    "split": "a, b = Split <axis=1, split=[1,2]> (x) y = Concat <axis=1> (b, a)",
    "constant": "c = Constant <value = float {2.0}> () y = Mul (x, c)",
}


@pytest.mark.parametrize("name", OLD)
def test_operator_of_opset_11_equals_onnxruntime(name: str) -> None:
    assert_same(make_model(OLD[name], opset=11))


NEW = {
    "split in uneven parts": (
        "a, b = Split <axis=1, num_outputs=2> (x) y = Concat <axis=1> (b, a)",
        {},
    ),
    "mean over space": ("y = ReduceMean (x, a)", {"a": integers(2, 3)}),
    "pad of named axes": ("y = Pad (x, p, v, a)", {"p": integers(1, 2), "v": real(), "a": [3]}),
    "shape of some axes": (
        "s = Shape <start=1, end=2> (x) r = Concat <axis=0> (zero, s, rest) y = Reshape (x, r)",
        {"zero": integers(0), "rest": integers(-1)},
    ),
}


@pytest.mark.parametrize("name", NEW)
def test_operator_of_opset_21_equals_onnxruntime(name: str) -> None:
    body, constants = NEW[name]
    arrays = {key: np.asarray(value) for key, value in constants.items()}
    assert_same(make_model(body, arrays, opset=21))


def test_the_newest_operator_set_is_read() -> None:
    newest = onnx.defs.onnx_opset_version()
    graph = import_model(make_model("y = Relu (x)", opset=newest), "net.onnx")
    assert op_names(graph) == ["clip"]


def test_two_inputs_and_outputs_keep_their_order() -> None:
    model = make_model(
        "s = Add (a, b) y = Relu (s) z = MatMul (a, w)",
        {"w": real(4, 2)},
        {"b": (4,), "a": (4,)},
        ("z", "y"),
    )
    graph = assert_same(model)
    assert graph.inputs == ("b", "a")
    assert graph.outputs == ("z", "y")


def test_an_input_that_is_an_output_is_copied() -> None:
    graph = assert_same(make_model("y = Identity (x) z = Identity (x)", outputs=("y", "z")))
    assert op_names(graph) == ["reshape", "reshape"]


def test_a_batch_of_one_is_free_too() -> None:
    model = make_model("y = Relu (x)", batch="1")
    assert op_names(assert_same(model)) == ["clip"]


def test_constants_keep_the_names_of_initializers() -> None:
    graph = assert_same(make_model("y = Conv (x, w, b)", {"w": W, "b": B}))
    assert graph.constants["w"].shape == (4, 3, 3, 3)
    assert np.array_equal(graph.constants["w"], W.transpose(0, 2, 3, 1))
    assert np.array_equal(graph.constants["b"], B)


def test_nodes_tell_where_they_come_from() -> None:
    graph = assert_same(make_model("y = MaxPool <kernel_shape=[2,2]> (x)"))
    loc = graph.nodes[0].loc
    assert str(loc) == "test.onnx: node 'MaxPool_y' (MaxPool)"
