"""Layers and networks as dataflow hardware: every byte equals the reference, under stalls."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from codegen.emit.rtl.flow import emit_flow, flow_streams, weight_words, wires
from codegen.emit.rtl.streams import Streams, output_words
from codegen.ir.evaluate import evaluate
from codegen.ir.flow import Flow, Fold
from codegen.ir.graph import Graph, Node
from codegen.ir.types import Array
from codegen.ops import Add, Clip, Conv2d, Softmax
from codegen.options import Options
from codegen.pipeline import quantize_model
from codegen.plan.fold import Budget, fold, folds
from codegen.plan.pace import Pace, with_fifos
from codegen.plan.stages import make_flow
from codegen.toolchain.icarus import run_icarus
from codegen.toolchain.verilator import build_verilator, run_verilator
from codegen.verify.locate import cut_after
from tests.ops.cases import convolutions, dense_layers, depthwise_windows, pools
from tests.ops.harness import int8, linear_constants, op_graph

FRAMES = 3
WORD = 8
KWS = "mlperf_tiny_kws_dscnn_int8.onnx"
RESNET = "mlperf_tiny_ic_resnet8_int8.onnx"
needs_icarus = pytest.mark.skipif(shutil.which("iverilog") is None, reason="needs Icarus Verilog")
needs_verilator = pytest.mark.skipif(shutil.which("verilator") is None, reason="needs Verilator")


def write(folder: Path, flow: Flow) -> tuple[list[Path], Streams]:
    """Write the network `net`; return its Verilog, and what goes over its streams."""
    files = emit_flow(flow, "net", 1, WORD)
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    return [folder / name for name in files if name.endswith(".v")], flow_streams(flow, WORD)


def frames_of(graph: Graph, seed: int = 0) -> tuple[Array, Array]:
    """Return random frames and what the reference makes of them, a row each."""
    rng = np.random.default_rng(seed)
    x = rng.integers(-128, 128, (FRAMES, *graph.types[graph.inputs[0]].shape)).astype(np.int8)
    y = evaluate(graph, [x])[graph.outputs[0]]
    return x.reshape(FRAMES, -1), y.reshape(FRAMES, -1)


def compare(graph: Graph, flow: Flow, *, stall: int) -> None:
    """Simulate frames back to back in Icarus, in which X spreads, and compare each byte."""
    x, y = frames_of(graph)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files, streams = write(folder, flow)
        done = run_icarus("net", files, folder, streams, x, y, stall_percent=stall)
    assert done.passed, done.output


def compare_swift(graph: Graph, flow: Flow, folder: Path, *stalls: int) -> dict[int, int]:
    """Simulate frames in Verilator, compare each byte of each stream between layers.

    Returns the last interval by stalls.
    """
    x, y = frames_of(graph)
    files, streams = write(folder, flow)
    links = wires(flow)
    simulator = build_verilator("net", files, streams, folder, observed=tuple(links.values()))
    images = x.reshape(FRAMES, *graph.types[graph.inputs[0]].shape)
    values = evaluate(graph, [images], keep=links.keys())
    found = {}
    for stall in stalls:
        run = run_verilator(simulator, folder, x, stall_percent=stall)
        assert run.words == output_words(streams, y)
        for value, made in zip(links, run.observed, strict=True):
            np.testing.assert_array_equal(made, values[value].ravel(), value)
        found[stall] = int(run.intervals[-1])
    return found


def folded(graph: Graph, *chosen: Fold) -> tuple[Flow, Pace]:
    flow = make_flow(graph)
    stages = (replace(s, fold=f) for s, f in zip(flow.stages, chosen, strict=True))
    return with_fifos(replace(flow, stages=tuple(stages)))


def check_layer(graph: Graph, data: st.DataObject) -> None:
    """Any fold of a layer gives the same bytes, with stalls and without."""
    assume(not getattr(graph.nodes[0].op, "interleave", False))
    (stage,) = make_flow(graph).stages
    flow, _ = folded(graph, data.draw(st.sampled_from(list(folds(stage)))))
    compare(graph, flow, stall=data.draw(st.sampled_from((0, 40))))


LAYERS = convolutions() | depthwise_windows() | dense_layers() | pools()
FEW = settings(max_examples=12, suppress_health_check=list(HealthCheck))
MANY = settings(max_examples=150, suppress_health_check=list(HealthCheck))


@needs_icarus
@FEW
@given(LAYERS, st.data())
def test_layers_of_any_shape_and_fold(graph: Graph, data: st.DataObject) -> None:
    check_layer(graph, data)


@needs_icarus
@pytest.mark.slow
@MANY
@given(LAYERS, st.data())
def test_many_layers_of_any_shape_and_fold(graph: Graph, data: st.DataObject) -> None:
    check_layer(graph, data)


def skip_graph() -> Graph:
    """A convolution that is added to its operand, a clip, and a softmax over channels."""
    rng = np.random.default_rng(3)
    x = int8((6, 5, 4), 0.05, 3)
    graph = op_graph(
        Conv2d(pads=(1, 1, 1, 1)), [x], (0.3, -5), linear_constants(rng, (4, 3, 3, 4), 0.05)
    )
    nodes = (
        *graph.nodes,
        Node(Add(), ("x0", "y"), "sum"),
        Node(Clip(-1.0, 4.0), ("sum",), "clipped"),
        Node(Softmax(), ("clipped",), "shares"),
    )
    made = {
        "sum": int8((6, 5, 4), 0.25, 7),
        "clipped": int8((6, 5, 4), 0.03, -60),
        "shares": int8((6, 5, 4), 1 / 256, -128),
    }
    return replace(graph, nodes=nodes, outputs=("shares",), types={**graph.types, **made})


@needs_icarus
@pytest.mark.parametrize("stall", (0, 50))
def test_a_skip_a_table_and_a_softmax(stall: int) -> None:
    graph = skip_graph()
    flow, _ = folded(graph, Fold(2, 2, 1), Fold(1, 1, 2), Fold(), Fold())
    compare(graph, flow, stall=stall)


@needs_verilator
def test_the_interval_is_what_the_plan_says(tmp_path: Path) -> None:
    whole = skip_graph()
    graph = cut_after(whole, whole.nodes[1])
    flow, pace = folded(graph, Fold(4, 2, 2), Fold(1, 1, 2))
    found = compare_swift(graph, flow, tmp_path, 0)
    assert abs(found[0] - pace.interval) <= 0.01 * pace.interval


def test_weights_stand_in_the_order_of_beats() -> None:
    rng = np.random.default_rng(5)
    weights = linear_constants(rng, (3, 1, 2, 3), 0.05)
    graph = op_graph(Conv2d(), [int8((4, 4, 3), 0.05, 3)], (0.3, -5), weights)
    flow, _ = folded(graph, Fold(2, 2, 1))
    words = weight_words(flow.stages[0])
    given_weights = weights[0][0]
    assert words.shape == (8, 2, 2)
    np.testing.assert_array_equal(words[0], given_weights[:2, 0, 0, :2])
    np.testing.assert_array_equal(words[1, :, 0], given_weights[:2, 0, 0, 2])
    np.testing.assert_array_equal(words[4, 0], given_weights[2, 0, 0, :2])
    assert not words[1, :, 1].any() and not words[4:, 1].any()


@needs_verilator
@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "interval", "dsp"),
    [(KWS, 30_000, None), (RESNET, None, 140), ("cifar10_cnn", None, 140)],
)
def test_whole_networks(
    model: str, interval: int | None, dsp: int | None, shared_models: Path, tmp_path: Path
) -> None:
    path = str(shared_models / model) if model.endswith(".onnx") else model
    graph = quantize_model(Options(model=path, target="cortex-m4")).graph
    flow, pace = with_fifos(fold(make_flow(graph), interval, Budget(dsp=dsp)))
    found = compare_swift(graph, flow, tmp_path, 0, 30)
    assert abs(found[0] - pace.interval) <= 0.01 * pace.interval
