"""The networks whose RAM has a goal, as fixed-point graphs, and their plans, each made once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

import pytest

from codegen import zoo
from codegen.frontend import import_model, load_onnx
from codegen.ir.graph import Graph
from codegen.ir.interface import BY_ARENA, Transfer
from codegen.ir.memory import RamGoal
from codegen.passes import canonicalize
from codegen.plan.solve import Solution, solve
from codegen.quantize import calibrate, quantize, synthetic_samples
from codegen.quantize.calibrate import unformatted
from codegen.schedule.assign import assign_kernels
from codegen.targets import load_target

CORE = "cortex-m4"
LEAST = RamGoal(least=True)


@dataclass(frozen=True, slots=True, eq=False)
class Goal:
    """A network and the most bytes its arena may take: with an image in it, and with pushed rows.

    `model` is a file of the shared folder, or a zoo network with `options`.
    """

    name: str
    model: str
    least_bytes: int
    pushed_bytes: int | None
    options: Mapping[str, object] = field(default_factory=dict)

    @property
    def is_file(self) -> bool:
        return self.model.endswith(".onnx")


FILES = (
    Goal("vww", "mlperf_tiny_vww_mobilenetv1_025_96_int8.onnx", 29_000, 14_800),
    Goal("ic", "mlperf_tiny_ic_resnet8_int8.onnx", 14_000, 11_200),
    Goal("kws", "mlperf_tiny_kws_dscnn_int8.onnx", 6_000, 5_600),
    Goal("cifar10", "cifar10_caffe_m7_ortqdq_int8.onnx", 14_500, 13_700),
)
MOBILENET_V2 = Goal(
    "mobilenet_v2_035", "mobilenet_v2", 68_500, 27_500, {"alpha": 0.35, "resolution": 144}
)
ZOO = (
    Goal("mobilenet_v1_025", "mobilenet_v1", 152_500, 46_000, {"alpha": 0.25, "resolution": 224}),
    Goal("mobilenet_v1_1", "mobilenet_v1", 232_000, 175_000, {"alpha": 1.0, "resolution": 224}),
    MOBILENET_V2,
    Goal("mobilenet_v2_1", "mobilenet_v2", 198_000, 124_000, {"alpha": 1.0, "resolution": 224}),
    Goal("squeezenet", "squeezenet", 186_000, 98_000, {"version": "1.0", "resolution": 224}),
    Goal(
        "shufflenet_v1",
        "shufflenet_v1",
        195_000,
        None,
        {"groups": 3, "scale": 1.0, "resolution": 224},
    ),
)
GOALS = (*FILES, *ZOO)


@cache
def fixed_graph(goal: Goal) -> Graph:
    """Return the fixed-point graph: of a file as it is, of a zoo network by one made-up image.

    Formats do not touch the plan; so biases are not corrected, which takes longest.
    """
    if goal.is_file:
        return quantize(canonicalize(import_model(load_onnx(_path(goal)), goal.model)))
    model = zoo.build(goal.model, goal.options)
    graph = canonicalize(import_model(model, goal.model))
    assert unformatted(graph)
    ranges = calibrate(model, graph, synthetic_samples(graph, 1))
    return quantize(graph, replace(ranges, evidence=None))


@cache
def planned(goal: Goal, ram: RamGoal, transfer: Transfer = BY_ARENA) -> Solution:
    """Return the solver's plan for a Cortex-M4."""
    return solve(assign_kernels(fixed_graph(goal), load_target(CORE).kernels, transfer), ram)


def cases(goals: tuple[Goal, ...], quick: tuple[Goal, ...]) -> list[object]:
    """Return the goals as parameters of a test, slow but for those that are quick."""
    return [
        pytest.param(goal, id=goal.name, marks=() if goal in quick else pytest.mark.slow)
        for goal in goals
    ]


def skip_if_absent(goal: Goal) -> None:
    """Skip a test whose network is a file that is not here."""
    if goal.is_file and not _path(goal).is_file():
        pytest.skip(f"{goal.model} is absent")


def _path(goal: Goal) -> Path:
    root = Path(__file__).resolve().parents[2]
    return root.parent / "shared" / "models" / goal.model
