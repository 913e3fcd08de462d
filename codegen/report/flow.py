"""What a dataflow network takes, stage by stage: for people, and as JSON."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from codegen.errors import UnreadableFile
from codegen.ir.flow import Flow, Fold, Stage
from codegen.ir.report import Synthesis
from codegen.plan.fold import Cost, cost, cycles
from codegen.plan.pace import Pace
from codegen.report.json_form import Json, read_document, synthesis_from_json

SCHEMA = "codegen.dataflow/1"


@dataclass(frozen=True, slots=True)
class StageReport:
    """A stage: what it is and makes, its fold, the cycles of a frame, and what it takes."""

    name: str
    unit: str
    input_shape: tuple[int, int, int]
    output_shape: tuple[int, int, int]
    fold: Fold
    cycles: int
    cost: Cost


@dataclass(frozen=True, slots=True)
class FlowReport:
    """A folded flow for a target: its pace at the target's clock, and what the target has.

    `fifos` are those of the flow; `synthesis` is what `codegen synth` found, None before.
    """

    generator: str
    name: str
    model: str
    model_digest: str
    target: str
    clock_hz: int
    pace: Pace
    cost: Cost
    available: Cost
    stages: tuple[StageReport, ...]
    fifos: tuple[tuple[str, int, int], ...]
    synthesis: Synthesis | None = None

    @property
    def frames_a_second(self) -> float:
        return self.clock_hz / self.pace.interval


def stage_reports(flow: Flow) -> tuple[StageReport, ...]:
    """Return the report of each stage."""
    return tuple(_stage_report(stage) for stage in flow.stages)


def _stage_report(stage: Stage) -> StageReport:
    x, y = stage.x, stage.y
    return StageReport(
        stage.name,
        stage.unit.value,
        (x.height, x.width, x.channels),
        (y.height, y.width, y.channels),
        stage.fold,
        cycles(stage),
        cost(stage),
    )


def flow_to_json(report: FlowReport) -> str:
    """Return the report as JSON of schema `codegen.dataflow/1`."""
    document = {
        "schema": SCHEMA,
        "generator": report.generator,
        "name": report.name,
        "model": report.model,
        "model_digest": report.model_digest,
        "target": report.target,
        "clock_hz": report.clock_hz,
        "interval_cycles": report.pace.interval,
        "latency_cycles": report.pace.latency,
        "cost": asdict(report.cost),
        "available": asdict(report.available),
        "stages": [_stage_to_json(stage) for stage in report.stages],
        "fifos": [{"stage": name, "operand": i, "bytes": size} for name, i, size in report.fifos],
        "synthesis": asdict(report.synthesis) if report.synthesis else None,
    }
    return json.dumps(document, indent=2) + "\n"


def _stage_to_json(stage: StageReport) -> Json:
    return {
        "name": stage.name,
        "unit": stage.unit,
        "input_shape": list(stage.input_shape),
        "output_shape": list(stage.output_shape),
        **asdict(stage.fold),
        "cycles": stage.cycles,
        **asdict(stage.cost),
    }


def is_flow(path: Path) -> bool:
    """A report.json is that of a dataflow network; UnreadableFile if it is no JSON object."""
    return read_document(path).get("schema") == SCHEMA


def load_flow(path: Path) -> FlowReport:
    """Read the report.json of a dataflow network; UnreadableFile."""
    document = read_document(path)
    plain = ("generator", "name", "model", "model_digest", "target", "clock_hz")
    try:
        return FlowReport(
            **{key: document[key] for key in plain},
            pace=Pace(document["interval_cycles"], document["latency_cycles"]),
            cost=Cost(**document["cost"]),
            available=Cost(**document["available"]),
            stages=tuple(_stage_from_json(stage) for stage in document["stages"]),
            fifos=tuple((f["stage"], f["operand"], f["bytes"]) for f in document["fifos"]),
            synthesis=synthesis_from_json(document["synthesis"]),
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise UnreadableFile(f"{path} lacks or contradicts what {SCHEMA} asks: {error}") from error


def _stage_from_json(stage: Json) -> StageReport:
    return StageReport(
        stage["name"],
        stage["unit"],
        tuple(stage["input_shape"]),
        tuple(stage["output_shape"]),
        Fold(stage["pe"], stage["simd"], stage["mults"]),
        stage["cycles"],
        Cost(stage["dsp"], stage["block_ram"], stage["lut"]),
    )


def render_flow(report: FlowReport, console: Console) -> None:
    """Print a line a stage, then what all take; logic cells are estimates until synthesis."""
    table = Table(box=None, pad_edge=False)
    for header in ("Stage", "Makes", "PE", "SIMD", "Cycles", "DSPs", "Block RAMs", "Logic"):
        table.add_column(header, justify="left" if header in ("Stage", "Makes") else "right")
    for stage in report.stages:
        found = stage.cost
        figures = (stage.cycles, found.dsp, found.block_ram, found.lut)
        table.add_row(
            stage.name,
            " x ".join(map(str, stage.output_shape)),
            str(stage.fold.pe),
            str(stage.fold.simd),
            *(f"{figure:,}" for figure in figures),
        )
    console.print(table)
    spent, pace, most = report.cost, report.pace, report.available
    queued = sum(size for _, _, size in report.fifos)
    console.print(
        f"\nA frame every {pace.interval:,} cycles, {report.frames_a_second:,.0f} a second at"
        f" {report.clock_hz / 1e6:g} MHz; the first after {pace.latency:,} cycles"
    )
    console.print(
        f"{spent.dsp} of {most.dsp} DSPs, {spent.block_ram} of {most.block_ram} block RAMs,"
        f" about {spent.lut:,} of {most.lut:,} logic cells; FIFOs of {queued:,} bytes"
    )
