"""The text form: printing then parsing is the identity; files are deterministic."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import codegen.ops
from codegen.errors import UnreadableFile
from codegen.ir.coding import CODINGS
from codegen.ir.graph import Graph, Node
from codegen.ir.text import load_graph, parse_graph, print_graph, save_graph
from codegen.ir.types import DType, Loc, Origin, Quant, TensorType
from codegen.ops import (
    Add,
    AveragePool,
    Blend,
    Cast,
    Clip,
    Concat,
    Conv2d,
    CumSum,
    Dense,
    DepthToSpace,
    DequantizeLinear,
    Elementwise,
    Function,
    GridSample,
    Gru,
    InFloat,
    InverseDeviation,
    Lrn,
    Lstm,
    MatMul,
    MatMulInteger,
    MaxPlaces,
    MaxPool,
    MaxPoolVolume,
    Normalize,
    Pad,
    QuantizeLinear,
    Reduce,
    Reshape,
    Resize,
    Rnn,
    SelectIndices,
    SelectValues,
    Slice,
    SumPoolVolume,
    Take,
    Transpose,
    Unpool,
)

FLOATS = st.floats(allow_nan=False)
COUNTS = st.integers(0, 9)
PAIRS = st.tuples(COUNTS, COUNTS)
FOURS = st.tuples(COUNTS, COUNTS, COUNTS, COUNTS)
LINES = st.tuples(COUNTS, COUNTS, COUNTS)
NAMES = st.sampled_from(("tanh", "relu"))
FUNCTIONS = st.lists(st.tuples(NAMES, FLOATS, FLOATS), max_size=3).map(tuple)
CLAMPS = st.none() | st.tuples(FLOATS, FLOATS)
SHAPES = st.lists(COUNTS, max_size=4).map(tuple)
SCALES = st.floats(1e-30, 1e30)
EXPRESSIONS = st.recursive(
    st.just("x") | st.floats(allow_nan=False),
    lambda inner: st.tuples(st.sampled_from(("add", "exp", "pow")), inner, inner),
    max_leaves=4,
)
THREES = st.tuples(COUNTS, COUNTS, COUNTS)
QUANTS = st.builds(lambda s, z: Quant((s,), z), SCALES, st.integers(-128, 127)) | st.builds(
    lambda s, axis: Quant(tuple(s), 0, axis), st.lists(SCALES, min_size=1, max_size=4), COUNTS
)
DTYPES = st.sampled_from(DType)
TYPES = st.builds(
    TensorType, SHAPES, DTYPES, st.none() | QUANTS, st.none() | st.sampled_from(CODINGS)
)
OPS = st.one_of(
    st.builds(Add, CLAMPS),
    st.builds(AveragePool, PAIRS, PAIRS, FOURS, st.booleans()),
    st.builds(Blend, PAIRS),
    st.builds(Cast, DTYPES, st.booleans()),
    st.builds(Clip, FLOATS, FLOATS),
    st.builds(Concat, COUNTS),
    st.builds(Conv2d, PAIRS, FOURS, PAIRS, COUNTS, CLAMPS, st.booleans()),
    st.builds(CumSum, st.booleans(), st.booleans()),
    st.builds(Dense, CLAMPS),
    st.builds(DequantizeLinear, QUANTS),
    st.builds(DepthToSpace, PAIRS, PAIRS, PAIRS, COUNTS),
    st.builds(Elementwise, st.text(max_size=9), st.booleans()),
    st.builds(Function, EXPRESSIONS),
    st.builds(Gru, FUNCTIONS, FLOATS, st.booleans()),
    st.builds(Lstm, FUNCTIONS, FLOATS, st.booleans()),
    st.builds(GridSample, st.booleans(), st.sampled_from(("zeros", "border")), st.booleans()),
    st.builds(InFloat, st.builds(Reduce, st.sampled_from(("sum", "prod")))),
    st.builds(InverseDeviation, FLOATS),
    st.builds(MaxPoolVolume, THREES, THREES, THREES),
    st.builds(SumPoolVolume, THREES, kind=st.sampled_from(("average", "l2"))),
    st.builds(Normalize, st.sampled_from(("rms", "l1")), FLOATS, st.tuples(FLOATS, FLOATS)),
    st.builds(Rnn, FUNCTIONS, FLOATS),
    st.builds(Reduce, st.sampled_from(("sum", "prod"))),
    st.builds(SelectIndices, COUNTS, st.booleans(), st.booleans()),
    st.builds(SelectValues, COUNTS, st.booleans(), st.booleans()),
    st.builds(Take, FLOATS),
    st.builds(Unpool, PAIRS),
    st.builds(Lrn, COUNTS, FLOATS, FLOATS, FLOATS),
    st.builds(MatMul, st.booleans(), FLOATS),
    st.builds(MatMulInteger, PAIRS),
    st.builds(MaxPlaces, PAIRS, PAIRS, FOURS, st.booleans()),
    st.builds(MaxPool, PAIRS, PAIRS, FOURS),
    st.builds(Pad, SHAPES, SHAPES, FLOATS),
    st.builds(QuantizeLinear, QUANTS),
    st.builds(Reshape, SHAPES),
    st.builds(Resize, PAIRS, LINES, LINES, st.booleans()),
    st.builds(Slice, SHAPES, SHAPES, SHAPES),
    st.builds(Transpose, SHAPES),
    st.sampled_from([kind() for kind in codegen.ops.OPS if not fields(kind)]),
)
NAMES = st.text(min_size=1, max_size=8) | st.from_regex(r"[a-z_/;:.0-9\"\\]{1,9}", fullmatch=True)


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    """Draw a graph that makes no sense but for its form, typed wholly or not at all."""
    names = draw(st.lists(NAMES, min_size=4, max_size=8, unique=True))
    inputs, constants, outputs = names[:1], names[1:2], names[2:]
    nodes = [
        Node(draw(OPS), tuple(draw(st.lists(st.sampled_from(names[: i + 2]), max_size=3))), name)
        for i, name in enumerate(outputs)
    ]
    types = {name: draw(TYPES) for name in names} if draw(st.booleans()) else {}
    stored = {name: np.zeros(types[name].shape) for name in constants if types}
    return Graph(draw(NAMES), tuple(inputs), tuple(outputs[-2:]), tuple(nodes), types, stored)


@given(graphs())
def test_printing_then_parsing_is_the_identity(graph: Graph) -> None:
    untyped = [replace(node, inputs=node.inputs or graph.inputs) for node in graph.nodes]
    graph = replace(graph, nodes=tuple(untyped))
    text = print_graph(graph)
    assert parse_graph(text) == graph
    assert print_graph(parse_graph(text)) == text


def test_str_is_the_text() -> None:
    text = "graph net(x) -> y\n  y = clip(x) high=6.0"
    assert str(parse_graph(text)) == text


def test_types_are_inferred_where_the_operands_have_them() -> None:
    graph = parse_graph("""
        graph net(x: float32[8,8,3]) -> z
          const w: float32[4,3,3,3]
          const b: float32[4]
          y = conv2d(x, w, b) strides=(2, 2) clamp=(0.0, inf)
          z = reshape(y) shape=(36,)
    """)
    assert graph.types["y"] == TensorType((3, 3, 4))
    assert graph.types["z"] == TensorType((36,))
    assert graph.nodes[0].op == Conv2d((2, 2), clamp=(0.0, float("inf")))
    assert not graph.constants["w"].any()


def test_odd_names_are_quoted() -> None:
    graph = Graph("a b", ("x/0",), ("const",), (Node(Clip(), ("x/0",), "const"),))
    assert print_graph(graph) == 'graph "a b"("x/0") -> "const"\n  "const" = clip("x/0")'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no graph"),
        ("graph net(x -> y", "'->'"),
        ("graph net(x) -> y\n  y = fly(x)", "there is no operator 'fly'"),
        ("graph net(x) -> y\n  y = clip(x) speed=3", "clip has no attribute 'speed'"),
        ("graph net(x) -> y\n  y = clip(x) low=fast", "'fast' is not a value"),
        ("graph net(x) -> y\n  const w", "constant 'w' needs a type"),
        ("graph net(x) -> y\n  y = clip(x) ?", "is not a token"),
        ("graph net(x) -> y\n  y = clip(x) : text[3]", "'text' is not an element type"),
        ("graph net(x) -> y\n  y = clip(x) : int8[3] coding(bits, 3)", "no coding 'bits' of 3"),
        ("graph net(x) -> y\n  y = quantize_linear(x)", "needs the attribute 'quant'"),
        ("graph net(x: float32[4]) -> y\n  y = reshape(x) shape=(5,)", "elements of shape"),
    ],
)
def test_a_wrong_text_names_the_line(text: str, message: str) -> None:
    with pytest.raises(UnreadableFile) as found:
        parse_graph(text)
    assert message in found.value.problems[0].message
    assert found.value.problems[0].where.startswith("line ")


def saved() -> Graph:
    data = {"w": np.arange(6, dtype=np.int8).reshape(2, 3), "b": np.full(2, 0.1)}
    graph = parse_graph(
        """
        graph net(x: float32[3] quant(0.5, 1)) -> y
          const w: int8[2,3] quant((0.5, 0.25), 0, axis=0)
          const b: float32[2]
          y = dense(x, w, b) : float32[2] quant(0.1, -128)
        """,
        data,
    )
    nodes = [replace(graph.nodes[0], loc=Loc("net.onnx", "fc/0", "Gemm"))]
    origins = {"x": Origin("input", (1, 2, 0)), "y": Origin("logits")}
    return graph.with_nodes(nodes, origins=origins)


def test_a_saved_graph_comes_back_whole(tmp_path: Path) -> None:
    path = tmp_path / "graph.npz"
    path.write_bytes(save_graph(saved()))
    graph = load_graph(path)
    assert graph == saved()
    assert graph.nodes[0].loc == Loc("net.onnx", "fc/0", "Gemm")
    assert graph.origins == saved().origins
    for name, data in saved().constants.items():
        assert graph.constants[name].dtype == data.dtype
        assert np.array_equal(graph.constants[name], data)


def test_saving_gives_the_same_bytes_and_numpy_reads_them(tmp_path: Path) -> None:
    assert save_graph(saved()) == save_graph(saved())
    path = tmp_path / "graph.npz"
    path.write_bytes(save_graph(saved()))
    with np.load(path) as archive:
        assert np.array_equal(archive["constant_0000"], saved().constants["w"])


@pytest.mark.parametrize("content", [b"", b"PK no zip"])
def test_what_is_no_saved_graph_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "graph.npz"
    path.write_bytes(content)
    with pytest.raises(UnreadableFile, match="not a saved graph"):
        load_graph(path)
    with pytest.raises(UnreadableFile, match="no such file"):
        load_graph(tmp_path / "none.npz")


def test_every_operator_is_drawn() -> None:
    drawn = {Add, AveragePool, Blend, Cast, Clip, Concat, Conv2d, CumSum, Dense, DepthToSpace}
    drawn |= {DequantizeLinear, Elementwise, Function, Gru, Lrn, Lstm, MatMul, MaxPool, Pad}
    drawn |= {QuantizeLinear, Reduce, Reshape, Resize, Rnn, SelectIndices, SelectValues, Slice}
    drawn |= {
        GridSample,
        InFloat,
        InverseDeviation,
        MatMulInteger,
        MaxPlaces,
        MaxPoolVolume,
        Normalize,
        SumPoolVolume,
        Take,
        Transpose,
        Unpool,
    }
    assert drawn == {kind for kind in codegen.ops.OPS if fields(kind)}
