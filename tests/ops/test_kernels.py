"""Laws of every kernel: C equals the reference bit for bit, whatever the shape and the format."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from codegen.ir.graph import Graph
from codegen.ops import (
    Add,
    AveragePool,
    Clip,
    Concat,
    Conv2d,
    Dense,
    Function,
    Pad,
    Requantize,
    Softmax,
    Transpose,
)
from tests.ops.cases import (
    by_vectors,
    convolutions,
    dense_layers,
    depthwise_windows,
    normalizations,
    pools,
    resizes,
    slices,
    sums,
)
from tests.ops.harness import (
    ARM_DSP,
    ARM_MVE,
    GENERIC,
    HLS,
    HOST,
    LANES,
    assert_c_equals_reference,
    int8,
    linear_constants,
    merged,
    op_graph,
    widened,
)

few = settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
    derandomize=True,
)
several = {"min_size": 8, "max_size": 8}
FAMILIES = (GENERIC, ARM_DSP, ARM_MVE, LANES, HOST, HLS)
families = pytest.mark.parametrize("families", FAMILIES, ids=lambda names: names[0])
portable = pytest.mark.parametrize("families", [GENERIC, HOST], ids=lambda names: names[0])


def check(graphs: list[Graph], kernels: tuple[str, ...]) -> None:
    """Several graphs in one library, so that the compiler starts once."""
    assert_c_equals_reference(merged(graphs), kernels, np.random.default_rng(0))


@families
@few
@given(graphs=st.lists(convolutions(), **several))
def test_convolution(graphs: list[Graph], families: tuple[str, ...]) -> None:
    check(graphs, families)


@pytest.mark.parametrize("extreme", [-128, -127, -64, -65, 64, 65, 127])
def test_sums_at_the_ends_of_16_bits(extreme: int) -> None:
    """Equal weights times -128 and 127: four of 64 and -128 fit, the next ones do not."""
    graphs = []
    for depth in (1, 2, 3, 4, 6, 8, 30):
        weights = linear_constants(np.random.default_rng(0), (3, 1, 1, depth), 0.05)
        weights[0] = (np.full_like(weights[0][0], extreme), weights[0][1])
        graphs.append(op_graph(Conv2d(), [int8((2, 3, depth), 0.05, 5)], (40.0, 3), weights))
    check(graphs, LANES)


def test_vectors_and_parts_of_one() -> None:
    check(by_vectors(), ARM_MVE)


@few
@given(graphs=st.lists(depthwise_windows(), **several))
def test_depthwise_windows(graphs: list[Graph]) -> None:
    check(graphs, ARM_DSP)


def test_depthwise_layers_of_one_window_share_a_kernel() -> None:
    graphs = []
    for shape, pad in (((6, 10, 8), 2), ((7, 17, 21), 1), ((5, 20, 4), 2)):
        op = Conv2d(pads=(pad,) * 4, group=shape[2])
        weights = linear_constants(np.random.default_rng(0), (shape[2], 5, 5, 1), 0.05)
        graphs.append(op_graph(op, [int8(shape, 0.05, 5)], (9.0, 3), weights))
    program = assert_c_equals_reference(merged(graphs), ARM_DSP, np.random.default_rng(0))
    assert len({layer.function.name for layer in program.layers}) == 1


@few
@given(graphs=st.lists(st.one_of(convolutions(), dense_layers()), **several))
def test_weights_of_16_bits(graphs: list[Graph]) -> None:
    rng = np.random.default_rng(0)
    wide = [widened(graph, rng) for graph in graphs]
    check(wide, ARM_DSP)
    check(wide, HLS)


@families
@few
@given(graphs=st.lists(dense_layers(), **several))
def test_dense(graphs: list[Graph], families: tuple[str, ...]) -> None:
    check(graphs, families)


@pytest.mark.parametrize("fast", [False, True], ids=["as everywhere", "by all instructions"])
@pytest.mark.parametrize("weight", [-128, -127, 0, 127])
def test_extreme_dense_layers_on_the_host(weight: int, fast: bool) -> None:
    """Sums of two products fit 16 bits, but for those of -128, which another kernel takes."""
    graphs = []
    for shape in [(1, 1), (31, 7), (32, 8), (33, 66), (70, 640)]:
        constants = linear_constants(np.random.default_rng(0), shape, 0.05)
        weights = constants[0][0]
        weights[::2, ::3] = weight
        weights[0] = weight
        graphs.append(op_graph(Dense(), [int8(shape[1:], 0.05, 5)], (9.0, 3), constants))
    program = assert_c_equals_reference(merged(graphs), HOST, np.random.default_rng(0), fast=fast)
    bytewise = [step for step in program.functions if "dense_bytes" in step.name]
    assert bool(bytewise) == (weight != -128)


@pytest.mark.parametrize("families", [GENERIC, ARM_DSP, ARM_MVE, HLS], ids=lambda names: names[0])
@few
@given(graphs=st.lists(sums(), **several))
def test_add(graphs: list[Graph], families: tuple[str, ...]) -> None:
    check(graphs, families)


def test_sums_of_one_shift_share_their_loop() -> None:
    graphs = [
        op_graph(Add(), [int8(shape, 0.05), int8(shape, other, 3)], (0.1, zero))
        for shape, other, zero in (((2, 8), 0.06, 3), ((3, 5, 7), 0.07, -9), ((21,), 0.06, 0))
    ]
    program = assert_c_equals_reference(merged(graphs), ARM_DSP, np.random.default_rng(0))
    assert len({part.name for layer in program.layers for part in layer.function.parts}) == 1


@pytest.mark.parametrize("families", [GENERIC, HOST, ARM_DSP, HLS], ids=lambda names: names[0])
@few
@given(graphs=st.lists(pools(), **several))
def test_pool(graphs: list[Graph], families: tuple[str, ...]) -> None:
    check(graphs, families)


@pytest.mark.parametrize("families", [GENERIC, ARM_DSP, HLS], ids=lambda names: names[0])
def test_averages_over_images(families: tuple[str, ...]) -> None:
    """The sum of a row, or a window, of 256 values fits 16 bits, that of 257 may not."""
    graphs = [
        op_graph(AveragePool(shape[:2]), [int8(shape, 0.05, zero)], (0.05, 3))
        for shape in [(2, 256, 5), (3, 257, 4), (5, 1, 3), (2, 2, 8), (3, 7, 11)]
        for zero in (3, -128)
    ]
    windows = [
        op_graph(AveragePool(window), [int8((3, 130, 5), 0.05, 3)], (0.05, 3))
        for window in [(2, 128), (2, 129)]
    ]
    check([*graphs, *windows], families)


@few
@given(graphs=st.lists(normalizations(), **several))
def test_lrn(graphs: list[Graph]) -> None:
    check(graphs, GENERIC)


@few
@given(graphs=st.lists(resizes(), **several))
def test_resize(graphs: list[Graph]) -> None:
    check(graphs, GENERIC)
    nearest = [graph for graph in graphs if not getattr(graph.nodes[0].op, "linear", True)]
    if nearest:
        check(nearest, HLS)


@pytest.mark.parametrize("families", [GENERIC, HLS], ids=lambda names: names[0])
@few
@given(graphs=st.lists(slices(), **several))
def test_slice(graphs: list[Graph], families: tuple[str, ...]) -> None:
    check(graphs, families)


@pytest.mark.parametrize("shape", [(1,), (10,), (1000,), (2, 3, 5)])
@pytest.mark.parametrize("scale", [0.0005, 0.1, 4.0])
@pytest.mark.parametrize("families", [GENERIC, HLS], ids=lambda names: names[0])
def test_softmax(shape: tuple[int, ...], scale: float, families: tuple[str, ...]) -> None:
    check([op_graph(Softmax(), [int8(shape, scale, 3)], (1 / 256, -128))], families)


def test_softmax_is_within_one_step_of_the_real_one() -> None:
    x, y = int8((12,), 0.15, 7), int8((12,), 1 / 256, -128)
    graph = op_graph(Softmax(), [x], (1 / 256, -128))
    q = np.random.default_rng(1).integers(-128, 128, (500, 12)).astype(np.int8)
    fixed = Softmax().evaluate_fixed(graph.signature(graph.nodes[0]), q).astype(int)
    assert x.quant and y.quant
    real = y.quant.quantize(Softmax().evaluate(x.quant.dequantize(q)), y.dtype).astype(int)
    assert np.abs(fixed - real).max() <= 1
    assert (fixed == real).mean() > 0.99


@pytest.mark.parametrize("families", [GENERIC, HLS], ids=lambda names: names[0])
def test_table_functions(families: tuple[str, ...]) -> None:
    x = int8((3, 7), 0.1, 3)
    check(
        [
            op_graph(Clip(), [x], (0.05, -128)),
            op_graph(Clip(-1.0, 6.0), [x], (0.1, 3)),
            op_graph(Requantize(), [x], (0.03, -12)),
            op_graph(Requantize(), [int8((5,), 0.01, 90)], (1.5, 127)),
            op_graph(Function(("log", "x")), [x], (0.02, 100)),
            op_graph(Function(("div", 1.0, "x")), [x], (0.5, -3)),
        ],
        families,
    )


@pytest.mark.parametrize("families", [GENERIC, HLS], ids=lambda names: names[0])
def test_concat(families: tuple[str, ...]) -> None:
    shapes = {0: [(3, 4, 2), (1, 4, 2)], 1: [(3, 1, 2), (3, 5, 2)], 2: [(3, 4, 2), (3, 4, 7)]}
    graphs = [
        op_graph(Concat(axis), [int8(shape) for shape in operands], (0.05, 0))
        for axis, operands in shapes.items()
    ]
    triple = op_graph(Concat(0), [int8((n,)) for n in (1, 2, 3)], (0.05, 0))
    check([*graphs, triple], families)


@pytest.mark.parametrize("families", [GENERIC, HLS], ids=lambda names: names[0])
def test_pad(families: tuple[str, ...]) -> None:
    check(
        [
            op_graph(Pad((1, 2, 0), (0, 1, 3), 1.0), [int8((3, 4, 2), 0.05, 5)], (0.05, 5)),
            op_graph(Pad((0, 0, 4), (0, 0, 0)), [int8((2, 2, 3), 0.05, -7)], (0.05, -7)),
            op_graph(Pad((2,), (3,), -1.0), [int8((4,), 0.05, 5)], (0.05, 5)),
        ],
        families,
    )


@pytest.mark.parametrize(
    ("shape", "perm"),
    [
        ((3, 4, 5), (2, 0, 1)),
        ((3, 4, 5), (2, 1, 0)),
        ((6, 5), (1, 0)),
        ((2, 3, 4, 5), (3, 1, 2, 0)),
    ],
)
@pytest.mark.parametrize("families", [GENERIC, HLS], ids=lambda names: names[0])
def test_transpose(
    shape: tuple[int, ...], perm: tuple[int, ...], families: tuple[str, ...]
) -> None:
    check([op_graph(Transpose(perm), [int8(shape)], (0.05, 0))], families)
