"""Reports: what they are made of, their JSON and back, what a reader sees."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from codegen.errors import UnreadableFile
from codegen.ir.report import Agreement, Calibration, Check, Difference, Report
from codegen.options import Options
from codegen.pipeline import compile_model
from codegen.project import describe
from codegen.report import Measured, load_report, make_report, render_report, report_to_json
from tests.toy_model import write_small_board, write_toy


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Report:
    """A report without measurements."""
    path = write_toy(tmp_path_factory.mktemp("model"))
    return describe(compile_model(Options(str(path), "cortex-m7")))


@pytest.fixture
def full(bare: Report) -> Report:
    """A report in which nothing is absent."""
    totals = replace(
        bare.totals,
        weights_bytes=1000,
        code_bytes=2000,
        flash_bytes=3000,
        stack_bytes=100,
        instructions=48_000,
        cycles=96_000,
    )
    return replace(
        bare,
        totals=totals,
        layers=tuple(replace(layer, instructions=12, cycles=24) for layer in bare.layers),
        agreement=Agreement(16, 0.875, 3, 0.25),
        checks=(
            Check("host", "arm_dsp", 4, 12),
            Check("cortex-m7", "arm_dsp", 2, 6, Difference("random 0", "scores", 1, 5, 6, "edit")),
        ),
        notes=("a note",),
    )


def show(report: Report, *, all_layers: bool = True, width: int = 110) -> str:
    console = Console(file=io.StringIO(), width=width)
    render_report(report, console, all_layers=all_layers)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_totals_follow_from_the_layers(bare: Report) -> None:
    assert bare.totals.macs == sum(layer.macs for layer in bare.layers) == 36 * 72 + 36 * 3
    assert bare.totals.params == sum(layer.params for layer in bare.layers) == 76 + 111
    assert (bare.totals.input_bytes, bare.totals.output_bytes) == (72, 3)
    assert bare.totals.arena_bytes == bare.interface.arena_bytes
    live = max(layer.live_bytes for layer in bare.layers)
    assert bare.totals.arena_lower_bound_bytes <= live <= bare.totals.arena_bytes


def test_layers_are_named_after_the_model(bare: Report) -> None:
    assert [layer.op for layer in bare.layers] == ["conv2d", "max_pool", "dense", "softmax"]
    assert [layer.output_shape for layer in bare.layers] == [(6, 6, 4), (3, 3, 4), (3,), (3,)]
    assert [layer.packets for layer in bare.layers] == [2, 1, 1, 1]


def test_packets_are_payloads_rounded_up(tmp_path: Path) -> None:
    options = Options(str(write_toy(tmp_path)), "host", pdu_payload_bytes=36)
    layers = describe(compile_model(options)).layers
    assert [(layer.output_bytes, layer.packets) for layer in layers[:2]] == [(144, 4), (36, 1)]


def test_what_was_not_measured_is_null_and_noted(bare: Report) -> None:
    document = json.loads(report_to_json(bare))
    for key in ("weights_bytes", "code_bytes", "flash_bytes", "stack_bytes", "cycles", "time_ms"):
        assert document["totals"][key] is None
    assert document["layers"][0]["cycles"] is None
    assert document["notes"]


def test_time_is_cycles_at_the_clock(full: Report) -> None:
    document = json.loads(report_to_json(full))
    assert document["clock_hz"] == 480_000_000
    assert document["totals"]["time_ms"] == 0.2


def test_json_read_back_is_the_same_report(bare: Report, full: Report, tmp_path: Path) -> None:
    for report in (bare, full, replace(full, calibration=Calibration("samples", 5, "a.npz"))):
        path = tmp_path / "report.json"
        path.write_text(report_to_json(report), encoding="utf-8")
        assert load_report(path).networks == (report,)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        '{"schema": "codegen.report/2"}',
        '{"schema": "codegen.report/1"}',
        '{"schema": "codegen.report/1", "layers": 3}',
    ],
)
def test_other_files_are_unreadable(tmp_path: Path, content: str) -> None:
    path = tmp_path / "report.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(UnreadableFile):
        load_report(path)
    with pytest.raises(UnreadableFile, match="cannot read"):
        load_report(tmp_path / "absent.json")


@pytest.mark.parametrize("key", ["interface", "totals", "layers", "checks", "calibration"])
def test_a_report_that_lacks_a_part_is_unreadable(full: Report, tmp_path: Path, key: str) -> None:
    document = json.loads(report_to_json(full))
    del document[key]
    path = tmp_path / "report.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(UnreadableFile, match=key):
        load_report(path)


def test_a_newcomer_sees_cost_proof_and_origin(full: Report) -> None:
    text = show(full)
    for words in (
        "toy for cortex-m7: int8 6x6x2 in, int8 3 out",
        "3,000 bytes  2,000 code, 1,000 weights",
        "96,000 cycles",
        "0.20 ms  at 480 MHz",
        "SYNTHETIC",
        "87.5%",
        "equal     reference and host C",
        "DIFFERENT reference and cortex-m7 (emulated)",
        "note: a note",
    ):
        assert words in text


def test_calibration_is_told(full: Report) -> None:
    real = replace(full, calibration=Calibration("samples", 200, "data.npz"))
    assert "from 200 samples of data.npz" in show(real)
    assert "as the model prescribes them" in show(replace(full, calibration=Calibration("model")))


def test_only_the_dearest_layers_are_listed_when_asked(full: Report) -> None:
    many = tuple(
        replace(full.layers[0], name=f"layer_{i}", cycles=1000 + i, instructions=1)
        for i in range(12)
    )
    text = show(replace(full, layers=many), all_layers=False)
    assert "layer_0 " not in text
    assert "layer_1 " not in text
    assert text.index("layer_2 ") < text.index("layer_11 ")
    assert "2 cheaper layers" in text


def test_long_names_give_way_and_numbers_do_not(full: Report) -> None:
    long = replace(full.layers[0], name="a/very/long/name" * 8, macs=123_456_789)
    text = show(replace(full, layers=(long,)))
    assert "123,456,789" in text
    assert max(map(len, text.splitlines())) <= 110


def test_measures_of_a_run_need_every_layer(bare: Report, tmp_path: Path) -> None:
    compiled = compile_model(Options(str(write_toy(tmp_path)), "cortex-m7"))
    layers = tuple((i, 2 * i) for i in range(len(bare.layers)))
    report = make_report(
        compiled.network.options,
        compiled.network.digest,
        compiled.network.target,
        compiled.schedule,
        compiled.plan,
        compiled.goal,
        compiled.program,
        compiled.network.calibration,
        compiled.network.savings,
        Measured(instructions=6, cycles=12, layers=layers),
    )
    assert [(layer.instructions, layer.cycles) for layer in report.layers] == list(layers)


def test_what_the_part_cannot_hold_is_noted(tmp_path: Path) -> None:
    options = Options(str(write_toy(tmp_path)), str(write_small_board(tmp_path)))
    (note,) = describe(compile_model(options)).notes[-1:]
    assert note.endswith("of arena are more than the sram of the RP2040 has (64)")
