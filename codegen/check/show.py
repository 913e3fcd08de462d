"""What a check found, as text and as JSON; docs/check.md documents the schema."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator
from dataclasses import asdict

from codegen import __version__
from codegen.check.check import Checked
from codegen.check.findings import Finding

SCHEMA = "codegen.check/1"
SHOWN_NODES = 6
SHOWN_NAME = 60
"""A longer name is cut."""
WIDTH = 110
INDENT = 10


def checked_to_json(checked: Checked) -> str:
    """Return all that was found as JSON text."""
    document = {
        "schema": SCHEMA,
        "generator": f"codegen {__version__}",
        "model": checked.model,
        "target": checked.target or None,
        "exit_status": checked.exit_status,
        "problems": [
            {**asdict(finding), "attributes": dict(finding.attributes)}
            for finding in checked.findings
        ],
        "folds": [asdict(fold) for fold in checked.folds],
        "floats": list(checked.floats),
        "dynamic": [list(nodes) for nodes in checked.dynamic],
        "open_inputs": [asdict(value) for value in checked.open_inputs],
        "formats": {"values": checked.values, "unmeasured": checked.unmeasured},
        "summary": asdict(checked.summary),
    }
    return json.dumps(document, indent=2) + "\n"


def render_checked(checked: Checked) -> str:
    """Return all that was found as text."""
    return "\n".join(_lines(checked)) + "\n"


def _lines(checked: Checked) -> Iterator[str]:
    for finding in checked.findings:
        yield from _finding(finding)
    if checked.findings:
        yield ""
    for index, fold in enumerate(checked.folds):
        names = ", ".join(_short(n) for n in fold.nodes[:SHOWN_NODES])
        others = len(fold.nodes) - SHOWN_NODES
        more = f" and {others} others" if others > 0 else ""
        title = "" if index else "Folds"
        yield _row(title, f"{fold.kind} ({len(fold.nodes)}): {names}{more}")
    if checked.floats:
        yield _row("Floats", f"{'; '.join(checked.floats)} (--float-ops allow)")
    for nodes in checked.dynamic:
        yield _row("Dynamic", f"{' + '.join(nodes)}: calibrated as static int8")
    for value in checked.open_inputs:
        yield _row("Open", f"{value.name}: {', '.join(value.dimensions) or 'shape'}; {value.fix}")
    summary = checked.summary
    if summary.layers:
        yield _row("Formats", _formats(checked))
        read = "" if summary.complete else " in what could be read"
        yield _row(
            "Work",
            f"{summary.macs:,} MACs in {summary.layers} layers,"
            f" {summary.parameters:,} parameters{read}",
        )
    counts = ", ".join(f"{count} {name}" for name, count in summary.operators.items())
    yield _row("Operators", counts)
    count = len(checked.findings)
    plural = "" if count == 1 else "s"
    verdict = f"{count} problem{plural}; emit would end with exit status {checked.exit_status}"
    yield _row("Verdict", verdict if count else "can be emitted")


def _finding(finding: Finding) -> Iterator[str]:
    yield f"error[{finding.code}]: {finding.message}"
    if finding.where:
        yield f"  --> {finding.where}"
    origin = ", ".join(filter(None, (finding.scope, finding.source)))
    if origin:
        yield f"  from: {origin}"
    for name, value in finding.attributes:
        yield f"  attribute: {name} = {value}"
    if finding.hint:
        yield f"  hint: {finding.hint}"


def _formats(checked: Checked) -> str:
    if not checked.unmeasured:
        return "all from the model: nothing is to be calibrated"
    return (
        f"{checked.unmeasured} of {checked.values} values need samples of inputs:"
        " emit with --calibrate DATA"
    )


def _short(name: str) -> str:
    return name if len(name) <= SHOWN_NAME else f"{name[: SHOWN_NAME - 3]}..."


def _row(title: str, text: str) -> str:
    return textwrap.fill(
        text,
        WIDTH,
        initial_indent=f"{title:<{INDENT}}",
        subsequent_indent=" " * INDENT,
        break_long_words=False,
        break_on_hyphens=False,
    )
