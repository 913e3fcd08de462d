"""Runs as JSON, written and read; docs/bench.md documents the keys."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from codegen import __version__
from codegen.bench.compare import Comparison
from codegen.bench.run import LayerRun, Run
from codegen.errors import UnreadableFile
from codegen.report.json_form import time_ms
from codegen.toolchain import Loop

SCHEMA = "codegen.bench/1"

Json = dict[str, Any]


def runs_to_json(runs: Sequence[Run], compared: Sequence[Comparison] = ()) -> str:
    """Return runs as JSON text, and how they compare with others where that was asked."""
    document = {
        "schema": SCHEMA,
        "generator": f"codegen {__version__}",
        "runs": [_run_to_json(run) for run in runs],
        "comparisons": [asdict(comparison) for comparison in compared],
    }
    return json.dumps(document, indent=2) + "\n"


def load_runs(path: Path) -> tuple[Run, ...]:
    """Read runs that were saved; UnreadableFile if the file holds none."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UnreadableFile(
            f"cannot read {path}: {error.strerror or error}",
            hint="write one: codegen bench MODEL --save FILE",
        ) from error
    except ValueError as error:
        raise UnreadableFile(f"{path} is not JSON: {error}") from error
    if not isinstance(document, dict) or document.get("schema") != SCHEMA:
        raise UnreadableFile(f"{path} does not hold runs of schema {SCHEMA}")
    try:
        return tuple(_run_from_json(run) for run in document["runs"])
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise UnreadableFile(f"{path} lacks or contradicts what {SCHEMA} asks: {error}") from error


def _run_to_json(run: Run) -> Json:
    layers = [_layer_to_json(layer) for layer in run.layers]
    return {**asdict(run), "time_ms": time_ms(run.cycles, run.clock_hz), "layers": layers}


def _layer_to_json(layer: LayerRun) -> Json:
    loop = layer.loop
    place = {"start_bytes": loop.start, "end_bytes": loop.end} if loop else {}
    rest = _without(asdict(loop), "start", "end") if loop else {}
    return {**asdict(layer), "loop": {**rest, **place} if loop else None}


def _run_from_json(document: Json) -> Run:
    fields = _without(document, "time_ms", "layers")
    return Run(**fields, layers=tuple(_layer_from_json(layer) for layer in document["layers"]))


def _layer_from_json(document: Json) -> LayerRun:
    loop = document["loop"]
    return LayerRun(**_without(document, "loop"), loop=_loop_from_json(loop) if loop else None)


def _loop_from_json(document: Json) -> Loop:
    fields = _without(document, "start_bytes", "end_bytes")
    return Loop(**fields, start=document["start_bytes"], end=document["end_bytes"])


def _without(document: Json, *keys: str) -> Json:
    return {key: value for key, value in document.items() if key not in keys}
