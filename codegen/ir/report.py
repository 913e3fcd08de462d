"""Report: what a network costs, a layer a row; None where a figure was not measured."""

from __future__ import annotations

from dataclasses import dataclass, field

from codegen.ir.interface import Interface


@dataclass(frozen=True, slots=True)
class LayerReport:
    """One layer of the schedule. `packets` of the configured radio payload carry its output."""

    name: str
    op: str
    output_shape: tuple[int, ...]
    macs: int
    params: int
    output_bytes: int
    packets: int
    kernel: str
    family: str
    live_bytes: int
    instructions: int | None = None
    cycles: int | None = None


@dataclass(frozen=True, slots=True)
class Totals:
    """The whole network; bytes unless the name says otherwise."""

    macs: int
    params: int
    arena_bytes: int
    arena_lower_bound_bytes: int
    input_bytes: int
    output_bytes: int
    weights_bytes: int | None = None
    code_bytes: int | None = None
    flash_bytes: int | None = None
    stack_bytes: int | None = None
    instructions: int | None = None
    cycles: int | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """Schema "codegen.report/1"; docs/report.md is its documentation."""

    generator: str
    model: str
    model_digest: str
    target: str
    clock_hz: int | None
    calibration: str
    pdu_payload_bytes: int
    interface: Interface
    totals: Totals
    layers: tuple[LayerReport, ...]
    notes: tuple[str, ...] = field(default=())
