"""Reports as JSON, of one network or of several: the keys stand in docs/report.md."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, get_args

from codegen.errors import UnreadableFile
from codegen.ir.interface import Interface, Port, Transfer
from codegen.ir.memory import Arena
from codegen.ir.report import (
    Agreement,
    BlockRams,
    BundleReport,
    BundleTotals,
    Calibration,
    Check,
    CompressionStep,
    Difference,
    FormTrial,
    Hardware,
    KernelCode,
    LayerReport,
    LayerTrade,
    MemoryUse,
    Promotion,
    RamBudget,
    Report,
    Savings,
    Synthesis,
    Timing,
    Totals,
    Trade,
)
from codegen.ir.types import DType
from codegen.options import InputMode, OutputMode
from codegen.report.bundle import alone

SCHEMA = "codegen.report/1"
BUNDLE_SCHEMA = "codegen.bundle/1"

Json = dict[str, Any]


def report_to_json(report: Report) -> str:
    """Return the report as JSON text; equal reports give equal bytes."""
    return json.dumps(_report_to_json(report), indent=2) + "\n"


def bundle_to_json(bundle: BundleReport) -> str:
    """Return the report of a folder as JSON text: that of its one network, or of several."""
    if len(bundle.networks) == 1:
        return report_to_json(bundle.networks[0])
    first = bundle.networks[0]
    document = {
        "schema": BUNDLE_SCHEMA,
        "generator": first.generator,
        "name": bundle.name,
        "target": first.target,
        "totals": asdict(bundle.totals),
        "checks": [check_to_json(check) for check in bundle.checks],
        "notes": list(bundle.notes),
        "networks": [_report_to_json(report) for report in bundle.networks],
    }
    return json.dumps(document, indent=2) + "\n"


def _report_to_json(report: Report) -> Json:
    clock = report.clock_hz
    return {
        "schema": SCHEMA,
        "generator": report.generator,
        "model": report.model,
        "model_digest": report.model_digest,
        "target": report.target,
        "clock_hz": clock,
        "calibration": asdict(report.calibration),
        "pdu_payload_bytes": report.pdu_payload_bytes,
        "interface": _interface_to_json(report.interface),
        "ram": asdict(report.ram),
        "savings": asdict(report.savings),
        "trade": asdict(report.trade) if report.trade else None,
        "compression": [asdict(step) for step in report.compression],
        "totals": {**asdict(report.totals), "time_ms": time_ms(report.totals.cycles, clock)},
        "layers": [
            {**asdict(layer), "time_ms": time_ms(layer.cycles, clock)} for layer in report.layers
        ],
        "kernels": [asdict(kernel) for kernel in report.kernels],
        "memories": [asdict(memory) for memory in report.memories],
        "hardware": asdict(report.hardware) if report.hardware else None,
        "synthesis": asdict(report.synthesis) if report.synthesis else None,
        "agreement": asdict(report.agreement) if report.agreement else None,
        "checks": [check_to_json(check) for check in report.checks],
        "notes": list(report.notes),
    }


def time_ms(cycles: int | None, clock_hz: int | None) -> float | None:
    """Return the time of `cycles` at a clock, in milliseconds, to the microsecond."""
    return None if cycles is None or not clock_hz else round(cycles * 1000 / clock_hz, 3)


def check_to_json(check: Check) -> Json:
    """Return one check as a JSON object; it names networks where there are several."""
    networks = {"networks": list(check.networks)} if check.networks else {}
    return {
        **networks,
        "place": check.place,
        "kernels": check.kernels,
        "inputs": check.inputs,
        "compared_bytes": check.compared_bytes,
        "equal": check.equal,
        "difference": asdict(check.difference) if check.difference else None,
    }


def load_report(path: Path) -> BundleReport:
    """Read a report.json, of one network or of several; UnreadableFile if it is neither."""
    document = read_document(path)
    schema = document.get("schema")
    if schema not in (SCHEMA, BUNDLE_SCHEMA):
        raise UnreadableFile(f"{path} is not a report of schema {SCHEMA} or {BUNDLE_SCHEMA}")
    try:
        return alone(_report_from_json(document)) if schema == SCHEMA else _bundle(document)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise UnreadableFile(f"{path} lacks or contradicts what {schema} asks: {error}") from error


def read_document(path: Path) -> Json:
    """Return what a report.json of any schema holds; UnreadableFile if it is no JSON object."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UnreadableFile(
            f"cannot read {path}: {error.strerror or error}",
            hint="give a folder that `codegen emit` wrote",
        ) from error
    except ValueError as error:
        raise UnreadableFile(f"{path} is not JSON: {error}") from error
    return document if isinstance(document, dict) else {}


def _bundle(document: Json) -> BundleReport:
    name = document["name"]
    return BundleReport(
        name,
        tuple(_report_from_json(network, library=name) for network in document["networks"]),
        BundleTotals(**document["totals"]),
        tuple(_check_from_json(check) for check in document["checks"]),
        tuple(document["notes"]),
    )


def _report_from_json(document: Json, library: str = "") -> Report:
    plain = ("generator", "model", "model_digest", "target", "clock_hz", "pdu_payload_bytes")
    agreement = document["agreement"]
    return Report(
        **{key: document[key] for key in plain},
        calibration=Calibration(**document["calibration"]),
        interface=_interface_from_json(document["interface"], library),
        ram=RamBudget(**document["ram"]),
        savings=Savings(**document.get("savings", {})),
        trade=_trade_from_json(document.get("trade")),
        compression=tuple(CompressionStep(**step) for step in document.get("compression", ())),
        totals=Totals(**_without(document["totals"], "time_ms")),
        layers=tuple(_layer_from_json(layer) for layer in document["layers"]),
        kernels=tuple(KernelCode(**kernel) for kernel in document.get("kernels", ())),
        memories=tuple(MemoryUse(**memory) for memory in document.get("memories", ())),
        hardware=_hardware_from_json(document.get("hardware")),
        synthesis=synthesis_from_json(document.get("synthesis")),
        agreement=Agreement(**agreement) if agreement else None,
        checks=tuple(_check_from_json(check) for check in document["checks"]),
        notes=tuple(document["notes"]),
    )


def _hardware_from_json(hardware: Json | None) -> Hardware | None:
    if hardware is None:
        return None
    uses = tuple(BlockRams(**use) for use in hardware["block_rams"])
    return Hardware(**{**hardware, "block_rams": uses})


def synthesis_from_json(found: Json | None) -> Synthesis | None:
    """Return what synthesis found; None where none was made."""
    if found is None:
        return None
    timings = tuple(Timing(**timing) for timing in found["timings"])
    return Synthesis(**{**found, "tools": tuple(found["tools"]), "timings": timings})


def _layer_from_json(layer: Json) -> LayerReport:
    fields = _without(layer, "time_ms", "output_shape")
    return LayerReport(**fields, output_shape=tuple(layer["output_shape"]))


def _trade_from_json(trade: Json | None) -> Trade | None:
    if trade is None:
        return None
    layers = tuple(
        LayerTrade(**{**layer, "trials": tuple(FormTrial(**trial) for trial in layer["trials"])})
        for layer in trade["layers"]
    )
    promotions = tuple(
        Promotion(**{**found, "layers": tuple(found["layers"])}) for found in trade["promotions"]
    )
    return Trade(**{**trade, "layers": layers, "promotions": promotions})


def _check_from_json(check: Json) -> Check:
    difference = check["difference"]
    fields = _without(check, "equal", "difference", "networks")
    return Check(
        **fields,
        difference=Difference(**difference) if difference else None,
        networks=tuple(check.get("networks", ())),
    )


def _interface_to_json(interface: Interface) -> Json:
    return {
        "name": interface.name,
        "arena_bytes": interface.arena_bytes,
        "arena_align": interface.arena_align,
        "arenas": [asdict(arena) for arena in interface.arenas],
        "sections": list(interface.sections),
        "input": interface.transfer.inputs,
        "output": interface.transfer.outputs,
        "inputs": [_port_to_json(port) for port in interface.inputs],
        "outputs": [_port_to_json(port) for port in interface.outputs],
    }


def _interface_from_json(document: Json, library: str) -> Interface:
    inputs, outputs = (
        tuple(_port_from_json(port) for port in document[side]) for side in ("inputs", "outputs")
    )
    return Interface(
        document["name"],
        inputs,
        outputs,
        document["arena_bytes"],
        document["arena_align"],
        _transfer_from_json(document),
        library,
        tuple(Arena(**arena) for arena in document.get("arenas", ())),
        tuple(document.get("sections", ())),
    )


def _transfer_from_json(document: Json) -> Transfer:
    """Return how ports pass; reports without it are of networks that know only the arena."""
    transfer = Transfer(document.get("input", "arena"), document.get("output", "arena"))
    if transfer.inputs not in get_args(InputMode) or transfer.outputs not in get_args(OutputMode):
        raise ValueError(f"no such transfer: {transfer.inputs}, {transfer.outputs}")
    return transfer


def _port_to_json(port: Port) -> Json:
    return {**asdict(port), "dtype": port.dtype.value, "size_bytes": port.size_bytes}


def _port_from_json(port: Json) -> Port:
    return Port(
        port["tensor"],
        tuple(port["shape"]),
        port["scale"],
        port["zero_point"],
        tuple(port["perm"]),
        DType(port["dtype"]),
        port["batched"],
    )


def _without(document: Mapping[str, Any], *keys: str) -> Json:
    return {key: value for key, value in document.items() if key not in keys}
