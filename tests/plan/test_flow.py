"""A flow keeps up with what it is folded for, costs no more than allowed, and never stops."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from codegen.errors import DoesNotFit, UnsupportedOperator
from codegen.ir.flow import Flow, Unit
from codegen.ir.graph import Graph
from codegen.options import Options
from codegen.pipeline import quantize_model
from codegen.plan.fold import Budget, candidates, cost, cycles, flow_cost, fold, total
from codegen.plan.pace import run, with_fifos
from codegen.plan.stages import make_flow

KWS = "mlperf_tiny_kws_dscnn_int8.onnx"
RESNET = "mlperf_tiny_ic_resnet8_int8.onnx"


@cache
def graph_of(model: str) -> Graph:
    return quantize_model(Options(model=model, target="cortex-m4")).graph


def resnet(models: Path) -> Flow:
    return fold(make_flow(graph_of(str(models / RESNET))), None, Budget(dsp=140))


def test_kws_takes_a_frame_every_30000_cycles(shared_models: Path) -> None:
    flow, pace = with_fifos(fold(make_flow(graph_of(str(shared_models / KWS))), 30_000, Budget()))
    assert max(cycles(stage) for stage in flow.stages) <= pace.interval <= 30_000
    assert flow_cost(flow).dsp <= 140
    assert flow_cost(flow).block_ram <= 120


def test_more_multipliers_make_a_network_faster() -> None:
    graph = graph_of("cifar10_cnn")
    found = [fold(make_flow(graph), None, Budget(dsp=dsp)) for dsp in (40, 80, 150)]
    intervals = [max(cycles(stage) for stage in flow.stages) for flow in found]
    assert intervals[0] > intervals[1] > intervals[2]
    assert [total(flow.stages).dsp <= dsp for flow, dsp in zip(found, (40, 80, 150), strict=True)]


def test_no_candidate_is_bettered_by_another() -> None:
    for stage in make_flow(graph_of("cifar10_cnn")).stages:
        found = [(cycles(each), cost(each).dsp) for each in candidates(stage)]
        assert len(found) == len(set(found))
        assert found == sorted(found)


def test_skips_wait_in_fifos_without_which_the_network_stops(shared_models: Path) -> None:
    flow, pace = with_fifos(resnet(shared_models))
    sizes = {(name, i): size for name, i, size in flow.fifos}
    first = next(stage for stage in flow.stages if stage.unit is Unit.ADD)
    assert pace.interval <= 1.02 * max(cycles(stage) for stage in flow.stages)
    assert run(flow, sizes) is not None
    assert run(flow, {**sizes, (first.name, 0): 2 * first.x.channels}) is None


def test_what_does_not_fit_says_what_binds() -> None:
    flow = make_flow(graph_of("cifar10_cnn"))
    with pytest.raises(DoesNotFit, match="multipliers of 3"):
        fold(flow, None, Budget(dsp=3))
    with pytest.raises(DoesNotFit, match="every 10 cycles"):
        fold(flow, 10, Budget())


def test_operators_without_a_stage_are_named() -> None:
    graph = graph_of("cifar10_cnn")
    with pytest.raises(UnsupportedOperator, match="one input and one output"):
        make_flow(replace(graph, outputs=(graph.outputs[0], graph.nodes[0].output)))
