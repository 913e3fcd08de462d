"""What was measured of a network's accuracy, on a console and as JSON; docs/accuracy.md tells."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from codegen import __version__
from codegen.accuracy.measure import Accuracy, Scores

SCHEMA = "codegen.accuracy/1"
TOP_LAYERS = 10
TOP_CONFUSIONS = 5
NONE = "-"


def accuracy_to_json(accuracy: Accuracy) -> str:
    """Return all that was measured as JSON text; no error at all is null dB."""
    document = {"schema": SCHEMA, "generator": f"codegen {__version__}", **asdict(accuracy)}
    return json.dumps(_finite(document), indent=2) + "\n"


def render_accuracy(accuracy: Accuracy, console: Console) -> None:
    """Print what is right, how near outputs are, which classes change, and the worst layers."""
    labelled = "" if accuracy.labelled else ", without labels"
    console.print(
        Text(f"{accuracy.model} on {accuracy.samples:,} samples of {accuracy.data}{labelled}")
    )
    console.print()
    if any(_cells(scores) for scores in accuracy.scores):
        console.print(_scores(accuracy))
        console.print()
    for line in _facts(accuracy):
        console.print(Text(line))
    if accuracy.layers:
        console.print()
        console.print(_layers(accuracy))
        others = len(accuracy.layers) - TOP_LAYERS
        if others > 0:
            console.print(Text(f"and {others} better layers: --json", style="dim"))


def _scores(accuracy: Accuracy) -> Table:
    """Return a row for each form of the network."""
    headers = list(_cells(accuracy.scores[0]))
    table = _table("Form", *headers)
    for scores in accuracy.scores:
        table.add_row(scores.form, *_cells(scores).values())
    return table


def _cells(scores: Scores) -> dict[str, str]:
    """Return what is known of one form, by header."""
    shares = {"Top-1": scores.top1, "Top-5": scores.top5}
    found = {name: f"{share:.2%}" for name, share in shares.items() if share is not None}
    if scores.reconstruction is not None:
        found["Reconstruction error"] = f"{scores.reconstruction:.5g}"
    if scores.auc is not None:
        found["AUC"] = f"{scores.auc:.4f}"
    return found


def _facts(accuracy: Accuracy) -> Iterator[str]:
    if accuracy.agreement is not None:
        yield f"Same top-1 in float and fixed point: {accuracy.agreement:.2%}"
    for output in accuracy.outputs:
        yield (
            f"Output {output.name}: SQNR {_db(output.sqnr_db)} dB,"
            f" mean squared error {output.mean_squared_error:.4g}"
        )
    shown = accuracy.confusions[:TOP_CONFUSIONS]
    if shown:
        pairs = ", ".join(f"{c.float_class} to {c.fixed_class}: {c.samples}" for c in shown)
        others = sum(c.samples for c in accuracy.confusions[TOP_CONFUSIONS:])
        yield f"Classes that change from float to fixed point: {pairs}" + (
            f", others: {others}" if others else ""
        )


def _layers(accuracy: Accuracy) -> Table:
    """Return the layers that are farthest from the float network's."""
    table = _table("Layer, worst first", "SQNR dB", "Alone dB")
    for layer in accuracy.layers[:TOP_LAYERS]:
        table.add_row(f"{layer.name} ({layer.op})", _db(layer.sqnr_db), _db(layer.alone_db))
    return table


def _table(first: str, *headers: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="")
    table.add_column(first)
    for header in headers:
        table.add_column(header, justify="right")
    return table


def _db(value: float) -> str:
    return f"{value:.1f}" if math.isfinite(value) else NONE


def _finite(value: Any) -> Any:
    """Return a document with null for what JSON has no number for."""
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
