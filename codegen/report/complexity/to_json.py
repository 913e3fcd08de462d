"""Counted costs as JSON; docs/counting.md documents the schemas, units stand in the names."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from codegen import __version__
from codegen.report.complexity.block import Study
from codegen.report.complexity.count import Complexity, Measure, Row
from codegen.report.complexity.split import Split

COMPLEXITY_SCHEMA = "codegen.complexity/1"
COMPARE_SCHEMA = "codegen.compare/1"
SPLIT_SCHEMA = "codegen.split/1"
BLOCK_SCHEMA = "codegen.block/1"

Json = dict[str, Any]


def complexity_to_json(complexity: Complexity) -> str:
    """Return the costs of a network as JSON text."""
    return _text(COMPLEXITY_SCHEMA, _complexity(complexity))


def compare_to_json(networks: Sequence[Complexity]) -> str:
    """Return the costs of several networks as JSON text."""
    return _text(COMPARE_SCHEMA, {"networks": [_complexity(network) for network in networks]})


def split_to_json(found: Split) -> str:
    """Return the cuts of a network as JSON text, the least radio first."""
    return _text(
        SPLIT_SCHEMA,
        {
            "model": found.model,
            "bits": found.measure.bits,
            "pdu_payload_bytes": found.measure.pdu_payload_bytes,
            "cuts": [asdict(cut) for cut in found.cuts],
        },
    )


def block_to_json(study: Study) -> str:
    """Return the study of one block as JSON text."""
    return _text(BLOCK_SCHEMA, asdict(study))


def _complexity(complexity: Complexity) -> Json:
    return {
        "model": complexity.model,
        **_measure(complexity.measure),
        "totals": {
            **asdict(complexity.total),
            "size_bytes": complexity.size_bytes,
            "output_bytes": complexity.output_bytes,
            "packets": complexity.packets,
        },
        "shares": [asdict(share) for share in complexity.shares],
        "layers": [_row(row) for row in complexity.rows],
        "notes": list(complexity.notes),
    }


def _measure(measure: Measure) -> Json:
    return {
        "rules": measure.rules.name,
        "batch": measure.batch,
        "bits": measure.bits,
        "pdu_payload_bytes": measure.pdu_payload_bytes,
    }


def _row(row: Row) -> Json:
    return {
        "name": row.name,
        "op": row.op,
        "kind": row.kind,
        "output_shape": row.output_shape,
        **asdict(row.cost),
        "size_bytes": row.size_bytes,
        "output_bytes": row.output_bytes,
        "packets": row.packets,
    }


def _text(schema: str, content: Json) -> str:
    document = {"schema": schema, "generator": f"codegen {__version__}", **content}
    return json.dumps(document, indent=2) + "\n"
