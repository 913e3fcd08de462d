"""Outcomes as JSON and as the page docs/conformance.md."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

import onnx

from codegen.conformance.run import Outcome, Status

HEAD = """# Conformance

What `codegen conformance --markdown` prints: the node tests that ship in the `onnx` package,
version {version}, each run through the whole chain. Inputs that kernels take as constants are
stored in the model. The float graph has to equal what ONNX expects; it is quantized to int8 over
the range of the test's own data; each node's integers have to be within a bound, in steps of its
output, of what the node means in floats for the same operands, and exact where it computes or moves
integers; the C that is emitted has to make the reference's bits on the host. The error is that of
the output against what ONNX expects, in steps of the output: those of inputs and inner values add
to it.
"""


def outcomes_to_json(outcomes: Sequence[Outcome]) -> str:
    """Return the outcomes, and how many there are of each kind."""
    document = {
        "onnx_version": onnx.__version__,
        "totals": totals(outcomes),
        "cases": [
            {
                "name": outcome.name,
                "operator": outcome.operator,
                "status": outcome.status.value,
                "reason": outcome.reason,
                "bound_steps": outcome.bound_steps,
                "error_steps": round(outcome.error_steps, 2),
            }
            for outcome in outcomes
        ],
    }
    return json.dumps(document, indent=1) + "\n"


def totals(outcomes: Iterable[Outcome]) -> dict[str, int]:
    """Return how many cases ended in each way."""
    counted = Counter(outcome.status for outcome in outcomes)
    return {status.value: counted[status] for status in Status}


def write_page(outcomes: Sequence[Outcome]) -> str:
    """Return docs/conformance.md."""
    lines = [HEAD.format(version=onnx.__version__), "| result | cases |", "|---|---|"]
    lines += [f"| {name} | {count:,} |" for name, count in totals(outcomes).items()]
    lines += ["", "## Passed", "", "| operator | cases | bound, steps | error, steps |"]
    lines += ["|---|---|---|---|", *_passed(outcomes)]
    for status in (Status.FAILED, Status.REFUSED, Status.OUT_OF_SCOPE):
        lines += ["", f"## {status.value.capitalize()}", "", "| reason | cases | operators |"]
        lines += ["|---|---|---|", *_reasons(outcomes, status)]
    return "\n".join(lines) + "\n"


def _passed(outcomes: Sequence[Outcome]) -> Iterator[str]:
    passed = [outcome for outcome in outcomes if outcome.status is Status.PASSED]
    for operator in sorted({outcome.operator for outcome in passed}):
        own = [outcome for outcome in passed if outcome.operator == operator]
        bound = max(outcome.bound_steps for outcome in own)
        error = max(outcome.error_steps for outcome in own)
        yield f"| {operator} | {len(own)} | {bound:g} | {error:.2f} |"


def _reasons(outcomes: Sequence[Outcome], status: Status) -> Iterator[str]:
    own = [outcome for outcome in outcomes if outcome.status is status]
    for reason, count in sorted(
        Counter(o.reason for o in own).items(), key=lambda x: (-x[1], x[0])
    ):
        operators = sorted({outcome.operator for outcome in own if outcome.reason == reason})
        yield f"| {reason.replace('|', '/')} | {count} | {', '.join(operators)} |"
