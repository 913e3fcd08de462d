"""Commands in bits: the table in the documentation is that of the code."""

from __future__ import annotations

from pathlib import Path

from codegen.emit.rtl.descriptor import describe

DOCS = Path(__file__).parents[3] / "docs" / "hardware.md"


def test_the_documented_fields_are_those_of_the_program() -> None:
    assert describe() in DOCS.read_text(encoding="utf-8")
