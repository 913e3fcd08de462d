"""codegen report without a target: counts, comparisons, splits, blocks; what contradicts itself."""

from __future__ import annotations

import json

import click
import pytest

from codegen.cli.counting import OPTIONS, SHARED
from codegen.cli.report import report
from tests.cli.conftest import Run


def test_a_model_is_counted(run: Run, toy: str) -> None:
    document = json.loads(run("report", toy, "--pdu", "20", "--json").stdout)
    assert document["schema"] == "codegen.complexity/1"
    assert document["model"] == "toy.onnx"
    assert document["totals"]["macs"] == 36 * 72 + 36 * 3
    first = document["layers"][0]
    assert (first["kind"], first["output_bytes"], first["packets"]) == ("input", 72, 4)
    shown = run("report", toy).stdout
    for word in ("Layer", "MACs", "Packets", "Share", "dense", "size of parameters"):
        assert word in shown


def test_zoo_options_rules_batch_and_bits_are_heeded(run: Run) -> None:
    def totals(*arguments: str) -> dict[str, int]:
        found: dict[str, int] = json.loads(run("report", *arguments, "--json").stdout)["totals"]
        return found

    plain = totals("mobilenet_v1", "--alpha", "0.25")
    assert plain["macs"] == 41_030_272
    assert plain["size_bytes"] == plain["parameters"] == 463_600
    netscope = totals("mobilenet_v1", "--alpha", "0.25", "--rules", "netscope", "--batch", "2")
    assert netscope["parameters"] > plain["parameters"]
    assert netscope["size_bytes"] == 4 * netscope["parameters"]
    assert netscope["activations"] > 4 * plain["activations"]
    assert totals("mobilenet_v1:alpha=0.25", "--element-bits", "4")["size_bytes"] == 231_800


def test_names_and_files_are_compared(run: Run, toy: str) -> None:
    models = ("mobilenet_v1:alpha=0.5", toy, "mobilenet_v1")
    document = json.loads(
        run("report", "--compare", *models, "--resolution", "96", "--json").stdout
    )
    assert document["schema"] == "codegen.compare/1"
    assert [network["model"] for network in document["networks"]] == [
        "mobilenet_v1:alpha=0.5,resolution=96",
        "toy.onnx",
        "mobilenet_v1:resolution=96",
    ]
    shown = run("report", "--compare", "mobilenet_v1", toy).stdout
    assert "% of MACs" in shown
    assert "toy.onnx" in shown


def test_cuts_are_ranked(run: Run, toy: str) -> None:
    document = json.loads(run("report", toy, "--split", "--pdu", "ble", "--json").stdout)
    assert document["schema"] == "codegen.split/1"
    assert document["pdu_payload_bytes"] == 244
    sent = [cut["radio_bytes"] for cut in document["cuts"]]
    assert sent == sorted(sent)
    assert any(cut["pareto"] for cut in document["cuts"])
    assert "Radio bytes" in run("report", toy, "--split").stdout


def test_a_block_is_studied(run: Run) -> None:
    document = json.loads(run("report", "mobilenet_v1", "--block", "dw7", "--json").stdout)
    assert document["schema"] == "codegen.block/1"
    assert [variant["macs"] for variant in document["variants"]] == [
        462_422_016,
        52_283_392,
        29_578_752,
        15_091_200,
    ]
    assert "8.84 x" in run("report", "mobilenet_v1", "--block", "dw7").stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ("mobilenet_v1", "--pdu", "pigeon"),
        ("mobilenet_v1", "--pdu", "0"),
        ("mobilenet_v1", "--block", "fc"),
        ("mobilenet_v1", "--block", "dw7", "--block-alpha", "0"),
        ("mobilenet_v1", "--split", "--block", "dw7"),
        ("mobilenet_v1", "mobilenet_v1"),
        ("mobilenet_v1:alpha",),
        ("mobilenet_v1:alpha=wide",),
        ("mobilenet_v1", "--seed", "3"),
        ("mobilenet_v1", "--split", "--target", "cortex-m4"),
        ("mobilenet_v1", "--compare", "mobilenet_v1", "--target", "cortex-m4"),
        ("mobilenet_v9",),
        (),
    ],
)
def test_contradictions_are_told(run: Run, arguments: tuple[str, ...]) -> None:
    result = run("report", *arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr


MEASURING = [
    param
    for param in report.params
    if isinstance(param, click.Option)
    and param.name not in {"target", "memory", "as_json", "help", *OPTIONS, *SHARED}
]


@pytest.mark.parametrize("option", MEASURING, ids=lambda option: option.opts[0])
def test_what_is_of_measuring_alone_is_told(run: Run, toy: str, option: click.Option) -> None:
    values = {"mean": "0.5", "std": "0.5", "percentile": "99", "bits": "4", "seed": "1"}
    values |= {"density": "0.5", "codebook": "4", "repair": "none", "sqnr": "20", "low_rank": "20"}
    value = values.get(option.name or "", "8k")
    if isinstance(option.type, click.Choice):
        value = option.type.choices[-1]
    result = run("report", toy, option.opts[0], *(() if option.is_flag else (value,)))
    assert result.exit_code == 2
    assert f"{option.opts[0]}: counting needs no such thing" in result.stderr


def test_an_option_that_no_model_takes_is_told(run: Run, toy: str) -> None:
    result = run("report", toy, "--alpha", "0.5")
    assert result.exit_code == 2
    assert "--alpha" in result.stderr


def test_an_emitted_folder_takes_no_counting(run: Run, toy: str) -> None:
    run("emit", toy, "-t", "host", "--no-measure")
    assert run("report", "toy", "--rules", "netscope").exit_code == 2
    assert json.loads(run("report", "toy", "--json").stdout)["schema"] == "codegen.report/1"
