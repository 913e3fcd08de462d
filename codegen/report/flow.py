"""What a dataflow network takes, stage by stage: for people, and as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from rich.console import Console
from rich.table import Table

from codegen.ir.flow import Flow, Stage
from codegen.plan.fold import Cost, cost, cycles, flow_cost
from codegen.plan.pace import Pace

SCHEMA = "codegen.dataflow/1"


@dataclass(frozen=True, slots=True)
class FlowReport:
    """A folded flow for a target: its pace at the target's clock, and what the target has."""

    name: str
    target: str
    clock_hz: int
    flow: Flow
    pace: Pace
    available: Cost

    @property
    def frames_a_second(self) -> float:
        return self.clock_hz / self.pace.interval


def flow_to_json(report: FlowReport) -> str:
    """Return the report as JSON of schema `codegen.dataflow/1`."""
    document = {
        "schema": SCHEMA,
        "name": report.name,
        "target": report.target,
        "clock_hz": report.clock_hz,
        "interval_cycles": report.pace.interval,
        "latency_cycles": report.pace.latency,
        "cost": asdict(flow_cost(report.flow)),
        "available": asdict(report.available),
        "stages": [_stage_to_json(stage) for stage in report.flow.stages],
        "fifos": [
            {"stage": name, "operand": i, "bytes": size} for name, i, size in report.flow.fifos
        ],
    }
    return json.dumps(document, indent=2) + "\n"


def _stage_to_json(stage: Stage) -> Mapping[str, object]:
    return {
        "name": stage.name,
        "unit": stage.unit.value,
        "input_shape": [stage.x.height, stage.x.width, stage.x.channels],
        "output_shape": [stage.y.height, stage.y.width, stage.y.channels],
        **asdict(stage.fold),
        "cycles": cycles(stage),
        **asdict(cost(stage)),
    }


def render_flow(report: FlowReport, console: Console) -> None:
    """Print a line a stage, then what all take; logic cells are estimates."""
    table = Table(box=None, pad_edge=False)
    for header in ("Stage", "Makes", "PE", "SIMD", "Cycles", "DSPs", "Block RAMs", "Logic"):
        table.add_column(header, justify="left" if header in ("Stage", "Makes") else "right")
    for stage in report.flow.stages:
        found, y = cost(stage), stage.y
        figures = (cycles(stage), found.dsp, found.block_ram, found.lut)
        table.add_row(
            stage.name,
            f"{y.height} x {y.width} x {y.channels}",
            str(stage.fold.pe),
            str(stage.fold.simd),
            *(f"{figure:,}" for figure in figures),
        )
    console.print(table)
    spent, pace, most = flow_cost(report.flow), report.pace, report.available
    queued = sum(size for _, _, size in report.flow.fifos)
    console.print(
        f"\nA frame every {pace.interval:,} cycles, {report.frames_a_second:,.0f} a second at"
        f" {report.clock_hz / 1e6:g} MHz; the first after {pace.latency:,} cycles"
    )
    console.print(
        f"{spent.dsp} of {most.dsp} DSPs, {spent.block_ram} of {most.block_ram} block RAMs,"
        f" about {spent.lut:,} of {most.lut:,} logic cells; FIFOs of {queued:,} bytes"
    )
