"""Elementwise: every kind in C as in the reference, bit for bit, and near the real function."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from codegen.ir.evaluate import evaluate
from codegen.ir.graph import Graph, Node
from codegen.ir.types import Array, DType, Quant, TensorType
from codegen.ops import Elementwise
from codegen.ops.exact import EXACT
from codegen.ops.rounded import COMPARED
from codegen.toolchain.host import build_host, run_host
from tests.ops.harness import (
    GENERIC,
    assert_c_equals_reference,
    int8,
    merged,
    op_graph,
    write_c,
)

few = settings(
    max_examples=4,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
    derandomize=True,
)
KINDS = (
    "add",
    "div",
    "equal",
    "fmod",
    "greater",
    "greater_equal",
    "less",
    "less_equal",
    "max",
    "mean",
    "min",
    "mod",
    "mul",
    "pow",
    "prelu",
    "sub",
)
zero_points = st.sampled_from((-128, -127, -3, 0, 5, 127))


@st.composite
def broadcast(draw: st.DrawFn) -> Graph:
    """Operands of every shape that makes one together; one may be constant."""
    kind = draw(st.sampled_from(KINDS))
    shape = draw(st.lists(st.integers(1, 5), min_size=1, max_size=5))
    count = draw(st.integers(2, 4)) if kind in ("add", "max", "min", "mean") else 2
    shapes = [tuple(size if draw(st.booleans()) else 1 for size in shape) for _ in range(count)]
    scales = [draw(st.sampled_from((0.01, 0.05, 0.3))) for _ in range(count)]
    operands = [
        int8(own, scale, draw(zero_points)) for own, scale in zip(shapes, scales, strict=True)
    ]
    constants = []
    if draw(st.booleans()):
        rng = np.random.default_rng(draw(st.integers(0, 99)))
        last = operands.pop()
        own = last.shape[draw(st.integers(0, len(last.shape) - 1)) :]
        data = rng.integers(-128, 128, own).astype(np.int8)
        constants = [(data, TensorType(own, DType.INT8, last.quant))]
    output = draw(st.sampled_from((0.02, 0.1, 0.6)))
    return op_graph(Elementwise(kind), operands, (output, draw(zero_points)), constants)


@few
@given(graphs=st.lists(broadcast(), min_size=20, max_size=20))
def test_any_shapes_and_formats(graphs: list[Graph]) -> None:
    assert_c_equals_reference(merged(graphs), GENERIC, np.random.default_rng(0))


def exact_graph(kind: str, dtypes: list[DType], shapes: list[tuple[int, ...]]) -> Graph:
    """A function of integers."""
    plain = Quant((1.0,))
    types = [TensorType(s, dtype, plain) for s, dtype in zip(shapes, dtypes, strict=True)]
    op = Elementwise(kind, exact=True)
    names = tuple(f"x{i}" for i in range(len(types)))
    found = {**dict(zip(names, types, strict=True)), "y": op.infer(*types)}
    return Graph("net", names, ("y",), (Node(op, names, "y"),), found, {})


def binary_kinds(dtype: DType) -> list[str]:
    """Functions of two integers of a type."""
    if dtype is DType.BOOL:
        return ["bit_and", "bit_or", "bit_xor", "equal"]
    return [kind for kind in EXACT if kind not in (*UNARY, "where")]


UNARY = ("abs", "bit_not", "neg", "not", "sign")


@pytest.mark.parametrize("dtype", [d for d in DType if d is not DType.FLOAT32])
def test_integers_in_c(dtype: DType) -> None:
    graphs = [exact_graph(k, [dtype] * 2, [(3, 4, 5), (3, 1, 5)]) for k in binary_kinds(dtype)]
    unary = ("not",) if dtype is DType.BOOL else UNARY[:-2] + UNARY[-1:]
    graphs += [exact_graph(kind, [dtype], [(2, 7)]) for kind in unary]
    where = [DType.BOOL, dtype, dtype]
    graphs.append(exact_graph("where", where, [(2, 1, 3), (2, 2, 3), (1, 1, 1)]))
    graph, rng = merged(graphs), np.random.default_rng(3)
    inputs = []
    for name in graph.inputs:
        kind = graph.types[name]
        low, high = (kind.dtype.min, kind.dtype.max) if rng.random() < 0.5 else (0, 5)
        low = max(low, kind.dtype.min)
        high = min(high, kind.dtype.max)
        values = rng.integers(
            low,
            high,
            (6, *kind.shape),
            np.dtype(kind.dtype.value).type if kind.dtype is not DType.BOOL else np.int8,
            endpoint=True,
        )
        inputs.append(values.astype(kind.dtype.numpy))
    with tempfile.TemporaryDirectory() as scratch:
        program = write_c(graph, GENERIC, Path(scratch), inputs)
        outputs = run_host(build_host(Path(scratch), program.interface, Path(scratch)), inputs)
    expected = evaluate(graph, inputs)
    for name, got in zip(graph.outputs, outputs, strict=True):
        np.testing.assert_array_equal(got, expected[name])


def every_pair(a: TensorType, b: TensorType) -> tuple[Array, Array]:
    """All 65,536 pairs."""
    q = np.arange(-128, 128, dtype=np.int8)
    return np.repeat(q, 256).reshape(256, 256), np.tile(q, 256).reshape(256, 256)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in (*COMPARED, "mod", "fmod")])
def test_every_pair_is_within_one_step(kind: str) -> None:
    low = (0.02, -128) if kind == "pow" else (0.03, 11)
    a, b = int8((256,), *low), int8((256,), 0.015, -20)
    output = {"mul": 0.05, "div": 0.2, "pow": 0.13, "prelu": 0.04}.get(kind, 0.03)
    graph = op_graph(Elementwise(kind), [a, b], (output, 3))
    qa, qb = every_pair(a, b)
    fixed = graph.nodes[0].op.evaluate_fixed(graph.signature(graph.nodes[0]), qa, qb)
    assert a.quant and b.quant
    real = Elementwise(kind).evaluate(a.quant.dequantize(qa), b.quant.dequantize(qb))
    steps = np.clip(real / output + 3, -128, 127)
    assert np.abs(fixed - steps).max() < 0.51 + (0.05 if kind == "pow" else 0)
