"""Shrinking leaves every output byte as it was, and takes what can be proved to be of no use."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codegen.frontend import import_model, load_onnx
from codegen.ir.evaluate import evaluate
from codegen.ir.graph import Graph, Node
from codegen.ir.types import Array, DType, Quant, TensorType
from codegen.ops import Add, AveragePool, Clip, Concat, Conv2d, Dense, MaxPool, Reshape
from codegen.passes import canonicalize
from codegen.passes.shrink import shrink
from codegen.quantize import quantize
from codegen.toolchain.host import build_host, run_host
from tests.ops.harness import HOST, int8, samples, write_c

VWW = "mlperf_tiny_vww_mobilenetv1_025_96_int8.onnx"
OTHERS = (
    "mlperf_tiny_ic_resnet8_int8.onnx",
    "mlperf_tiny_kws_dscnn_int8.onnx",
    "mlperf_tiny_ad_autoencoder_int8.onnx",
)


class Builder:
    """A graph that grows layer by layer; `spoil` plants filters of no use into linear layers."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.graph = Graph("net", ("x",), (), (), {"x": int8((8, 7, 3), 0.05, -20)})

    def add(self, op: object, *inputs: str, zero_point: int = -128) -> str:
        """Append a node and return its result."""
        graph, name = self.graph, f"v{len(self.graph.nodes)}"
        node = Node(op, inputs, name)  # type: ignore[arg-type]
        shape = node.op.infer(*(graph.types[i] for i in inputs)).shape
        kind = graph.types[inputs[0]] if node.op.keeps_quant else int8(shape, 0.06, zero_point)
        types = {**graph.types, name: replace(kind, shape=shape)}
        self.graph = replace(graph, nodes=(*graph.nodes, node), types=types, outputs=(name,))
        return name

    def linear(self, op: Conv2d | Dense, x: str, shape: tuple[int, ...], spoil: bool = True) -> str:
        """Append a convolution or dense layer with weights of that shape."""
        rng, filters = self.rng, shape[0]
        weights = rng.integers(-60, 61, shape).astype(np.int8)
        bias = rng.integers(-4000, 4000, filters).astype(np.int32)
        if spoil:
            kind = rng.integers(0, 6, filters)
            weights[kind == 0] = 0
            bias[kind == 1] = -(2**24)
            weights[kind == 2], bias[kind == 2] = weights[0], bias[0]
            weights[..., rng.integers(shape[-1])] = 0
        scale = self.graph.types[x].quant
        assert scale is not None
        w_quant = Quant((0.004,) * filters, 0, 0)
        b_quant = Quant((0.004 * scale.scale,) * filters, 0, 0)
        names = self.constant(weights, w_quant), self.constant(bias, b_quant)
        return self.add(op, x, *names)

    def constant(self, data: Array, quant: Quant) -> str:
        """Add a constant and return its name."""
        name = f"c{len(self.graph.constants)}"
        dtype = DType.INT8 if data.dtype == np.int8 else DType.INT32
        types = {**self.graph.types, name: TensorType(data.shape, dtype, quant)}
        constants = {**self.graph.constants, name: data}
        self.graph = replace(self.graph, types=types, constants=constants)
        return name

    def channels(self, value: str) -> int:
        """Channels of a value."""
        return self.graph.types[value].channels


def network(seed: int) -> Graph:
    """Convolutions, a residual sum, branches that join, pools and a dense layer, at random."""
    build = Builder(seed)
    rng = build.rng
    pad = int(rng.integers(0, 2))
    x = build.linear(Conv2d(pads=(pad,) * 4), "x", (9, 3, 3, 3))
    x = build.linear(Conv2d(pads=(1, 1, 1, 1), group=9), x, (9, 3, 3, 1))
    a = build.linear(Conv2d(), x, (6, 1, 1, 9))
    b = build.linear(Conv2d(pads=(1, 1, 1, 1)), a, (6, 3, 3, 6))
    x = build.add(Add(), a, b) if rng.integers(2) else build.add(Concat(2), a, b)
    c = build.add(Clip(0.0, 6.0), x)
    pool = MaxPool((2, 2), (2, 2), (1, 1, 0, 0)) if rng.integers(2) else AveragePool((2, 2), (2, 2))
    x = build.add(pool, c)
    if rng.integers(2):
        groups = 2 * build.channels(x) // 2
        x = build.linear(Conv2d(group=2, interleave=True), x, (groups, 1, 1, groups // 2))
    if rng.integers(2):
        size = build.graph.types[x].shape[:2]
        x = build.add(AveragePool((size[0], size[1])), x)
    x = build.add(Reshape((build.graph.types[x].elements,)), x)
    build.linear(Dense(), x, (4, build.channels(x)), spoil=False)
    return build.graph


def macs(graph: Graph) -> int:
    """Multiply-accumulates of a graph."""
    return sum(node.op.macs(graph.signature(node)) for node in graph.nodes)


def assert_same_bytes(before: Graph, after: Graph, inputs: tuple[Array, ...]) -> None:
    """Both compute the same."""
    expected, got = evaluate(before, inputs), evaluate(after, inputs)
    for old, new in zip(before.outputs, after.outputs, strict=True):
        np.testing.assert_array_equal(got[new], expected[old])


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.integers(0, 2**32 - 1))
def test_every_byte_stays(seed: int) -> None:
    before = network(seed)
    after = shrink(before)
    assert macs(after) < macs(before)
    assert_same_bytes(before, after, samples(before, np.random.default_rng(seed), 40))
    assert shrink(after) == after


def layer(*filters: tuple[int, int], border: bool = False, zero_point: int = -128) -> Graph:
    """A 1x1 layer of filters (weight, bias), read by a 3x3 layer with or without a border."""
    build = Builder(0)
    weights = np.array([[[[w, w, w]]] for w, _ in filters], np.int8)
    bias = np.array([b for _, b in filters], np.int32)
    n = len(filters)
    names = (
        build.constant(weights, Quant((0.004,) * n, 0, 0)),
        build.constant(bias, Quant((0.0002,) * n, 0, 0)),
    )
    x = build.add(Conv2d(), "x", *names, zero_point=zero_point)
    build.linear(Conv2d(pads=(1,) * 4 if border else (0,) * 4), x, (2, 3, 3, n), spoil=False)
    return build.graph


@pytest.mark.parametrize(
    ("filters", "border", "zero_point", "left"),
    [
        pytest.param([(5, 0), (0, 900)], False, -128, 1, id="constant"),
        pytest.param([(5, 0), (1, -90_000)], True, -128, 1, id="pinned to what the border holds"),
        pytest.param([(5, 0), (0, 900)], True, -128, 2, id="constant unlike the border"),
        pytest.param([(5, 0), (0, 900), (0, 900)], True, -128, 2, id="equal constants"),
        pytest.param([(5, 0), (7, 1), (5, 0)], True, -128, 2, id="equal filters"),
        pytest.param([(5, 0), (1, 90_000)], False, -128, 1, id="pinned to the top"),
        pytest.param([(5, 0), (7, 0)], True, 0, 2, id="nothing"),
    ],
)
def test_what_goes(
    filters: list[tuple[int, int]], border: bool, zero_point: int, left: int
) -> None:
    before = layer(*filters, border=border, zero_point=zero_point)
    after = shrink(before)
    assert after.types[after.nodes[0].output].channels == left
    assert_same_bytes(before, after, samples(before, np.random.default_rng(1), 40))


def real(folder: Path, name: str) -> Graph:
    """The fixed-point graph of an int8 file."""
    return quantize(canonicalize(import_model(load_onnx(folder / name), name)))


def test_wake_word_of_vision_loses_half_its_work(shared_models: Path) -> None:
    before = real(shared_models, VWW)
    after = shrink(before)
    weights = sum(data.nbytes for data in after.constants.values() if data.dtype == np.int8)
    assert macs(after) <= 3_750_000
    assert weights <= 30_000
    assert_same_bytes(before, after, samples(before, np.random.default_rng(2), 100))


@pytest.mark.slow
def test_ten_thousand_inputs_give_the_same_bytes(shared_models: Path, tmp_path: Path) -> None:
    """Random bytes and crops of photographs, by the C of both networks on the host."""
    before = real(shared_models, VWW)
    after = shrink(before)
    rng = np.random.default_rng(3)
    photos = np.load(shared_models / "data" / "photos_eval.npz")["images"]
    noise = rng.integers(-128, 128, (8_000, 96, 96, 3)).astype(np.int8)
    crops = np.stack([crop(photos, rng) for _ in range(2_000)])
    outputs = []
    for graph in (before, after):
        folder = tmp_path / str(len(outputs))
        folder.mkdir()
        program = write_c(graph, HOST, folder, (crops[:1],))
        build = build_host(folder, program.interface, folder, fast=True)
        outputs.append(np.concatenate([run_host(build, (part,))[0] for part in (noise, crops)]))
    assert len(outputs[0]) == 10_000
    assert len(np.unique(outputs[0], axis=0)) > 100
    assert np.array_equal(*outputs)


def crop(photos: Array, rng: np.random.Generator) -> Array:
    """Return 96 x 96 pixels of a photograph as the network takes them."""
    y, x = rng.integers(0, photos.shape[1] - 96, 2)
    pixels = photos[rng.integers(len(photos)), y : y + 96, x : x + 96]
    steps: Array = (pixels.astype(np.int16) - 128).astype(np.int8)
    return steps


@pytest.mark.parametrize("name", OTHERS)
def test_networks_without_waste_stay(shared_models: Path, name: str) -> None:
    graph = real(shared_models, name)
    assert shrink(graph) == graph
