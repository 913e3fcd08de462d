"""Options of compression: what is accepted, what is refused, and what a run with them reports."""

from __future__ import annotations

from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from codegen.cli import main
from codegen.cli.compression import parse_codebook, parse_density
from codegen.options import PerLayer

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


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--density", "nowhere=0.5"], "no layer with weights is called 'nowhere'"),
        (["--codebook", "nowhere=5"], "no layer with weights is called 'nowhere'"),
        (["--bits", "4", "--codebook", "6"], "have indices, or 4 bits"),
        (["--bits", "1", "--density", "0.5"], "none is zero"),
        (["--bits", "auto", "--density", "0.5"], "chooses the form of weights"),
    ],
)
def test_contradictions_are_errors_with_a_hint(
    options: list[str], message: str, tmp_path: Path
) -> None:
    run = ["emit", "lenet5", "--target", "cortex-m4", "-o", str(tmp_path / "out"), *options]
    result = CliRunner().invoke(main, run)
    assert result.exit_code != 0
    assert message in result.output
    assert "hint" in result.output
    assert not (tmp_path / "out").exists()
