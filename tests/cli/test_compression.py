"""Options of compression: what is accepted, what is refused, and what a run with them reports."""

from __future__ import annotations

import json

import click
import pytest

from codegen.cli.compression import parse_codebook, parse_density
from codegen.options import PerLayer
from tests.cli.conftest import Run

CONTEXT = click.Context(click.Command("emit"))
PARAM = click.Option(["--density"])


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (None, PerLayer()),
        ("0.3", PerLayer(0.3)),
        (".25,conv1=1", PerLayer(0.25, {"conv1": 1.0})),
        ("a,b=0.5,c=1.0", PerLayer(None, {"a,b": 0.5, "c": 1.0})),
    ],
)
def test_densities_are_those_of_all_layers_or_of_some(text: str | None, found: PerLayer) -> None:
    assert parse_density(CONTEXT, PARAM, text) == found


@pytest.mark.parametrize("text", ["", "2", "-1", "0.0", "a=0.00", "0.3,0.4", "a=", "30%", "a=b"])
def test_what_is_no_density_is_refused(text: str) -> None:
    with pytest.raises(click.BadParameter, match=r"example 0\.3"):
        parse_density(CONTEXT, PARAM, text)


@pytest.mark.parametrize("text", ["", "1", "9", "6.5", "a=1", "6,5"])
def test_what_is_no_codebook_is_refused(text: str) -> None:
    with pytest.raises(click.BadParameter, match="example 6"):
        parse_codebook(CONTEXT, PARAM, text)


EMIT = ("emit", "--target", "cortex-m4", "--no-measure", "--json", "-o", "out")


def test_the_report_tells_what_each_pass_left(run: Run, toy: str, samples: str) -> None:
    asked = ("--density", "0.5", "--codebook", "2", "--low-rank", "10dB")
    report = json.loads(run(*EMIT, toy, "--calibrate", samples, *asked).output)
    steps = {step["name"]: step for step in report["compression"]}
    assert list(steps) == ["low rank", "pruning", "integers, coded"]
    first, second, last = steps.values()
    assert first["before_bytes"] == 180
    assert second["before_bytes"] == first["after_bytes"] <= 180
    assert second["after_bytes"] == last["before_bytes"]
    assert second["after_bytes"] == pytest.approx(0.5 * second["before_bytes"], abs=1)
    assert last["after_bytes"] < 180
    assert all(step["sqnr_db"] is not None for step in steps.values())


def test_without_samples_weights_alone_tell_what_goes(run: Run, toy: str) -> None:
    result = run(*EMIT, toy, "--density", "0.5")
    assert result.exit_code == 0, result.output
    (pruning, stored) = json.loads(result.output)["compression"]
    assert pruning["after_bytes"] == 90 and pruning["sqnr_db"] is None
    assert stored["after_bytes"] <= 180


def test_nothing_is_told_where_nothing_is_asked(run: Run, toy: str) -> None:
    assert json.loads(run(*EMIT, toy).output)["compression"] == []


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (("--density", "nowhere=0.5"), "no layer with weights is called 'nowhere'"),
        (("--codebook", "nowhere=5"), "no layer with weights is called 'nowhere'"),
        (("--bits", "4", "--codebook", "6"), "have indices, or 4 bits"),
        (("--bits", "1", "--density", "0.5"), "so none is zero"),
        (("--bits", "auto", "--density", "0.5"), "chooses the form of weights"),
    ],
)
def test_what_cannot_be_is_refused(
    run: Run, toy: str, samples: str, asked: tuple[str, ...], words: str
) -> None:
    result = run(*EMIT, toy, "--calibrate", samples, *asked)
    assert result.exit_code == 2 and words in result.output and "hint" in result.output
