"""Lookup: in C as in the reference, for every type of index, within the table and beyond."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest

from codegen.ir.evaluate import evaluate
from codegen.ir.graph import Graph, Node
from codegen.ir.types import Array, DType, Quant, TensorType
from codegen.ops import Lookup
from codegen.toolchain.host import build_host, run_host
from tests.ops.harness import GENERIC, int8, merged, write_c

PLAIN = Quant((1.0,))
INDICES = [d for d in DType if d not in (DType.FLOAT32, DType.BOOL)]


def lookup_graph(table: TensorType, index: DType, count: int, *, held: bool) -> Graph:
    types = {"i": TensorType((count,), index, PLAIN), "t": table}
    shape = Lookup().infer(types["t"], types["i"]).shape
    types["y"] = TensorType(shape, table.dtype, table.quant)
    data = np.random.default_rng(0).integers(-128, 128, table.shape).astype(table.dtype.numpy)
    constants = {"t": data} if held else {}
    return Graph(
        "net",
        ("i",) if held else ("i", "t"),
        ("y",),
        (Node(Lookup(), ("t", "i"), "y"),),
        types,
        constants,
    )


def drawn(kind: TensorType) -> Array:
    """Indices near both ends of small tables and of the type, or any elements."""
    rng = np.random.default_rng(kind.elements)
    low, high = max(kind.dtype.min, -9), min(kind.dtype.max, 9)
    x = rng.integers(low, high, (4, *kind.shape), endpoint=True).astype(kind.dtype.numpy)
    x[0].flat[:2] = (kind.dtype.min, kind.dtype.max)
    return x


def test_any_index_in_c() -> None:
    fine = int8((2, 5, 3), 0.1, 7)
    graphs = [
        lookup_graph(fine, index, 4, held=held) for index in INDICES for held in (False, True)
    ]
    wide = TensorType((1, 7, 2), DType.INT32, PLAIN)
    graphs += [lookup_graph(wide, DType.INT64, 3, held=bool(held)) for held in (False, True)]
    deep = TensorType((2, 5, 3), DType.INT16, Quant((0.1,), element=DType.INT16))
    graphs += [lookup_graph(deep, DType.INT32, 4, held=held) for held in (False, True)]
    graphs.append(lookup_graph(int8((1, 300, 2)), DType.UINT8, 5, held=True))
    graph = merged(graphs)
    inputs = [drawn(graph.types[name]) for name in graph.inputs]
    expected = evaluate(graph, inputs)
    with tempfile.TemporaryDirectory() as scratch:
        program = write_c(graph, GENERIC, Path(scratch), inputs)
        outputs = run_host(build_host(Path(scratch), program.interface, Path(scratch)), inputs)
    for name, got in zip(graph.outputs, outputs, strict=True):
        np.testing.assert_array_equal(got, expected[name])


def test_beyond_the_table_is_its_end() -> None:
    table = np.arange(5).reshape(1, 5, 1)
    found = Lookup().evaluate(table, np.array([[-7, -5, -1, 0, 4, 99]]))
    np.testing.assert_array_equal(found.ravel(), [0, 0, 4, 0, 4, 4])


def test_reals_are_no_indices() -> None:
    with pytest.raises(ValueError, match="indices are float32"):
        Lookup().infer(int8((1, 2, 3)), TensorType((2,)))
