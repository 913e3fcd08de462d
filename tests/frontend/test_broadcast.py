"""Functions of several values against ONNX: broadcasting of reals, and of integers, which wrap."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from codegen.frontend import import_model
from codegen.passes import canonicalize
from tests.frontend.compare import evaluated, make_model, op_names

REAL = ("Add", "Sub", "Mul", "Div", "Min", "Max", "Pow", "PRelu", "Sum", "Less", "Equal")
INTEGER = ("Add", "Sub", "Mul", "Div", "Min", "Max", "Pow", "Mod", "Equal", "GreaterOrEqual")
BITS = ("BitwiseAnd", "BitwiseOr", "BitwiseXor")
SHAPES = (
    ((1, 3, 4, 5), (1, 3, 4, 5)),
    ((1, 3, 4, 5), (1, 3, 1, 1)),
    ((1, 3, 4, 5), (5,)),
    ((2, 3, 4), (3, 1)),
    ((4,), (1,)),
    ((1, 6), (1, 1)),
    ((2, 1, 3, 1, 2), (2, 3, 1, 2)),
)


@pytest.mark.parametrize(("name", "shapes"), list(product(REAL, SHAPES)))
def test_reals_broadcast(name: str, shapes: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
    rng = np.random.default_rng(0)
    a, b = (rng.uniform(0.5, 2, shape).astype(np.float32) for shape in shapes)
    for sign in (1, -1) if name not in ("Pow",) else (1,):
        evaluated(f"{name} (a, b)", {"a": sign * a, "b": b})
        evaluated(f"{name} (a, b)", {"a": sign * a, "b": b}, ("b",))
        if name != "PRelu":
            evaluated(f"{name} (b, a)", {"a": sign * a, "b": b})
            evaluated(f"{name} (b, a)", {"a": sign * a, "b": b}, ("b",))


@pytest.mark.parametrize("dtype", ["int32", "int64", "uint8", "int8", "uint16"])
@pytest.mark.parametrize("name", INTEGER)
def test_integers_are_exact(name: str, dtype: str) -> None:
    rng = np.random.default_rng(1)
    info = np.iinfo(dtype)
    a = rng.integers(info.min, info.max, (3, 4), dtype=dtype)
    b = rng.integers(1, 7, (4,)).astype(dtype)
    if name == "Div" and info.min < 0:
        a = np.abs(a // 2)
    evaluated(f"{name} (a, b)", {"a": a, "b": b})
    evaluated(f"{name} (a, b)", {"a": a, "b": b}, ("b",))


@pytest.mark.parametrize("name", BITS)
def test_bits(name: str) -> None:
    rng = np.random.default_rng(1)
    a, b = (rng.integers(-(2**31), 2**31 - 1, (1, 3, 5), dtype=np.int32) for _ in range(2))
    evaluated(f"{name} (a, b)", {"a": a, "b": b})
    evaluated("BitwiseNot (a)", {"a": a})


@pytest.mark.parametrize("name", ["And", "Or", "Xor"])
def test_booleans(name: str) -> None:
    rng = np.random.default_rng(1)
    a, b = rng.integers(0, 2, (1, 3, 5)) > 0, rng.integers(0, 2, (5,)) > 0
    evaluated(f"{name} (a, b)", {"a": a, "b": b})
    evaluated("Not (a)", {"a": a})


@pytest.mark.parametrize("direction", ["LEFT", "RIGHT"])
def test_bits_move(direction: str) -> None:
    a, b = np.arange(12, dtype=np.uint32).reshape(1, 12) * 77, np.arange(12, dtype=np.uint32)
    evaluated(f'BitShift <direction = "{direction}"> (a, b)', {"a": a, "b": b.reshape(1, 12)})


def test_where() -> None:
    rng = np.random.default_rng(1)
    c = rng.integers(0, 2, (1, 3, 1)) > 0
    a, b = (rng.normal(size=(1, 3, 5)).astype(np.float32) for _ in range(2))
    evaluated("Where (c, a, b)", {"c": c, "a": a, "b": b})
    evaluated("Where (c, a, b)", {"c": c, "a": a, "b": b}, ("c",))
    evaluated("Where (c, a, b)", {"c": c, "a": a, "b": np.float32([0.5])}, ("b",))
    evaluated("Where (c, a, b)", {"c": c, "a": np.arange(5), "b": np.arange(5)[::-1].copy()})


def test_mod_of_reals() -> None:
    a = np.float32([[-4.3, 7.2, 5.0, 4.3, -7.2, 8.0]])
    b = np.float32([[2.1, -3.4, 8.0, -2.1, 3.4, 5.0]])
    evaluated("Mod <fmod = 1> (a, b)", {"a": a, "b": b})


def test_many_operands() -> None:
    rng = np.random.default_rng(1)
    arrays = {n: rng.normal(size=(1, 3, 5)).astype(np.float32) for n in "abcd"}
    for name in ("Sum", "Mean", "Max", "Min"):
        evaluated(f"{name} (a, b, c, d)", arrays)
        evaluated(f"{name} (a)", {"a": arrays["a"]})
    integers = {n: (100 * a).astype(np.int32) for n, a in arrays.items()}
    for name in ("Max", "Min"):
        evaluated(f"{name} (a, b, c, d)", integers)


def test_clip_with_any_bounds() -> None:
    x = np.linspace(-3, 3, 12, dtype=np.float32).reshape(1, 12)
    low, high = np.float32(-1), np.float32(2)
    for held in ((), ("a",), ("b",), ("a", "b")):
        evaluated("Clip (x, a, b)", {"x": x, "a": low, "b": high}, held)
        evaluated("Clip (x, a, b)", {"x": x, "a": high, "b": low}, held)
    small = np.arange(-6, 6, dtype=np.int8).reshape(1, 12)
    evaluated("Clip (x, a, b)", {"x": small, "a": np.int8(-2), "b": np.int8(3)}, ("a", "b"))
    evaluated("Clip (x, a)", {"x": small, "a": np.int8(-2)}, ("a",))


def test_images_keep_their_layout() -> None:
    """A value for each channel is no reason to transpose an image."""
    body = "c = Conv (x, w) g = GlobalAveragePool (c) s = Sigmoid (g) y = Mul (c, s)"
    w = np.ones((4, 3, 1, 1), np.float32)
    graph = canonicalize(import_model(make_model(body, {"w": w}), "net.onnx"))
    assert "elementwise" in op_names(graph)
    product_ = next(node for node in graph.nodes if node.op.name == "elementwise")
    assert [graph.types[name].shape for name in product_.inputs] == [(8, 8, 4), (1, 1, 4)]
