"""--bits, --flash, --sqnr: what is asked for is done, or refused with a reason."""

from __future__ import annotations

import json
from pathlib import Path

import click
import onnx
import pytest

from codegen.cli.bits import parse_bits, parse_sqnr
from codegen.options import Bits
from tests.cli.conftest import Run
from tests.toy_model import toy_model

CONTEXT, PARAM = click.Context(click.Command("emit")), click.Option(["--bits"])


SHAPES = {"w1": (32, 2, 3, 3), "b1": (32,), "w2": (3, 288), "b2": (3,)}


@pytest.fixture
def network(tmp_path: Path) -> str:
    """The path of a file with enough weights for some to be stored in fewer bits."""
    onnx.save(toy_model(shapes=SHAPES), tmp_path / "net.onnx")
    return str(tmp_path / "net.onnx")


@pytest.mark.parametrize(
    ("text", "bits"),
    [
        ("4", Bits(4)),
        ("auto", Bits(auto=True)),
        ("4,conv1=8", Bits(4, layers={"conv1": 8})),
        ("a,b/c;d:0=2,e=1,auto", Bits(auto=True, layers={"a,b/c;d:0": 2, "e": 1})),
        ("conv=4", Bits(layers={"conv": 4})),
    ],
)
def test_widths_are_those_of_all_layers_or_of_some(text: str, bits: Bits) -> None:
    assert parse_bits(CONTEXT, PARAM, text) == bits


@pytest.mark.parametrize(
    "text", ["", "3", "4,", "4,2", "a=auto", "a=4,a=2", "a", "=4", "4,a=", ","]
)
def test_what_is_no_list_of_widths_is_refused(text: str) -> None:
    with pytest.raises(click.BadParameter, match="4,conv1=8"):
        parse_bits(CONTEXT, PARAM, text)


def test_a_ratio_is_in_decibels() -> None:
    assert parse_sqnr(CONTEXT, PARAM, "20dB") == parse_sqnr(CONTEXT, PARAM, "20.0") == 20
    for text in ("", "-3", "dB", "20 %"):
        with pytest.raises(click.BadParameter):
            parse_sqnr(CONTEXT, PARAM, text)


EMIT = ("emit", "--target", "cortex-m4", "--no-measure", "--json", "-o", "out")


def test_layers_have_the_bits_that_they_are_given(run: Run, network: str, samples: str) -> None:
    result = run(*EMIT, network, "--calibrate", samples, "--bits", "4,scores=8")
    assert result.exit_code == 2 and "no layer with weights is called 'scores'" in result.output
    result = run(*EMIT, network, "--calibrate", samples, "--bits", "4,e=8", "--no-shrink")
    report = json.loads(result.output)
    found = {layer["op"]: (layer["coding"], layer["weights_bytes"]) for layer in report["layers"]}
    assert found["dense"] == ("", 864)
    assert found["conv2d"][0] == "bits 4" and 288 <= found["conv2d"][1] < 576 - 64
    assert report["trade"] is None


def test_a_layer_that_would_gain_nothing_stays_and_that_is_noted(
    run: Run, toy: str, samples: str
) -> None:
    report = json.loads(run(*EMIT, toy, "--calibrate", samples, "--bits", "4").output)
    assert {layer["coding"] for layer in report["layers"]} == {""}
    assert any("stay a byte each" in note for note in report["notes"])


def test_chosen_bits_are_told(run: Run, network: str, samples: str) -> None:
    report = json.loads(run(*EMIT, network, "--calibrate", samples, "--sqnr", "20dB").output)
    trade = report["trade"]
    assert trade["sqnr_db"] >= 20 and trade["weights_bytes"] < trade["first_bytes"] == 1440
    assert {layer["form"] for layer in trade["layers"]} != {"int8"}


def test_values_keep_8_bits_where_these_do(run: Run, network: str, samples: str) -> None:
    options = ("--calibrate", samples, "--activations", "auto", "--sqnr", "10dB")
    report = json.loads(run(*EMIT, network, *options).output)
    assert report["trade"] is None and not any("16 bits" in note for note in report["notes"])


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (("--flash", "9k", "--sqnr", "20"), 2, "leave one out"),
        (("--flash", "9k", "--bits", "4"), 2, "--bits auto"),
        (("--sqnr", "90dB"), 2, "--activations auto"),
        (("--flash", "1k"), 4, "bytes would do"),
        (("--flash", "9k", "--activations", "auto"), 2, "--activations int8"),
        (("--sqnr", "150", "--activations", "auto"), 2, "with all values in 16 bits"),
    ],
)
def test_what_cannot_be_is_refused(
    run: Run, toy: str, samples: str, arguments: tuple[str, ...], status: int, words: str
) -> None:
    result = run(*EMIT, toy, "--calibrate", samples, *arguments)
    assert result.exit_code == status and words in result.output


def test_bits_are_not_chosen_without_samples(run: Run, toy: str) -> None:
    result = run(*EMIT, toy, "--bits", "auto")
    assert result.exit_code == 2 and "--calibrate" in result.output
