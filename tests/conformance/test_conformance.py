"""The node tests of ONNX pass in fixed point; what is wrong is told."""

from __future__ import annotations

import json
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from codegen.cli import cli
from codegen.conformance import Case, Outcome, Status, load_cases, run_case, run_cases, write_page
from codegen.conformance.scope import out_of_scope

PAGE = Path(__file__).parents[2] / "docs" / "conformance.md"
SAMPLED = 25
"""One case of so many is run by default."""
LEAST_PASSED = 1000


@pytest.fixture(scope="module")
def cases() -> dict[str, Case]:
    return {case.name: case for case in load_cases()}


def test_a_fixed_sample_passes(cases: dict[str, Case]) -> None:
    chosen = [case for name, case in cases.items() if zlib.crc32(name.encode()) % SAMPLED == 0]
    outcomes = [run_case(case) for case in chosen]
    assert [outcome for outcome in outcomes if outcome.status is Status.FAILED] == []
    assert sum(outcome.status is Status.PASSED for outcome in outcomes) >= LEAST_PASSED // SAMPLED


@pytest.mark.slow
def test_all_pass_and_the_page_says_so(cases: dict[str, Case]) -> None:
    outcomes = run_cases(tuple(cases.values()))
    assert [outcome for outcome in outcomes if outcome.status is Status.FAILED] == []
    assert sum(outcome.status is Status.PASSED for outcome in outcomes) >= LEAST_PASSED
    assert PAGE.read_text(encoding="utf-8") == write_page(outcomes)


def test_another_meaning_is_found(cases: dict[str, Case]) -> None:
    case = cases["test_maxpool_2d_default"]
    expected = case.outputs[0]
    assert expected is not None
    outcome = run_case(replace(case, outputs=(expected + np.float32(0.01),)))
    assert outcome.status is Status.FAILED
    assert "the float graph differs by 0.01" in outcome.reason


@pytest.mark.parametrize(
    ("name", "category"),
    [
        ("test_adam", "training"),
        ("test_if", "control flow"),
        ("test_string_concat", "strings"),
        ("test_sequence_insert_at_back", "sequences, optionals and maps"),
        ("test_nonzero_example", "results of no fixed shape"),
        ("test_cast_FLOAT_to_DOUBLE", "float64"),
        ("test_maxpool_2d_default", ""),
    ],
)
def test_what_is_out_of_scope(cases: dict[str, Case], name: str, category: str) -> None:
    assert out_of_scope(cases[name]) == category


def test_the_page_counts_by_operator_and_reason() -> None:
    outcomes = (
        Outcome("test_a", "Relu", Status.PASSED, "", 1.0, 0.5),
        Outcome("test_b", "Relu", Status.PASSED, "", 2.0, 0.25),
        Outcome("test_c", "Det", Status.REFUSED, "there is no kernel"),
    )
    page = write_page(outcomes)
    assert "| Relu | 2 | 2 | 0.50 |" in page
    assert "| there is no kernel | 1 | Det |" in page


def test_the_command_tells_every_case() -> None:
    result = CliRunner().invoke(cli, ["conformance", "--only", "clip_default_m*", "--json"])
    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    assert document["totals"]["failed"] == 0
    assert all(case["name"].startswith("test_clip_default_m") for case in document["cases"])


def test_a_pattern_without_cases_is_told() -> None:
    result = CliRunner().invoke(cli, ["conformance", "--only", "no_such_case"])
    assert result.exit_code == 2
    assert "no node test is called no_such_case" in result.stderr
