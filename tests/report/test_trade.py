"""The trade of bytes for accuracy: printed, and read back as it was."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from codegen.ir.report import FormTrial, LayerTrade, Promotion, Trade
from codegen.options import Options
from codegen.pipeline import compile_model
from codegen.project import describe
from codegen.report import load_report, report_to_json
from codegen.report.trade import promotion_words, render_trade
from tests.toy_model import write_toy

TRADE = Trade(
    layers=(
        LayerTrade(
            "conv1", "int4", 500, (FormTrial("int8", 1000, None), FormTrial("int4", 500, 21.5))
        ),
        LayerTrade("fixed", "int8", 70, (FormTrial("int8", 70, None),)),
    ),
    weights_bytes=570,
    first_bytes=1070,
    sqnr_db=22.4,
    expected_db=21.1,
    first_db=36.0,
    promotions=(Promotion(("conv1",), 13.6, 500),),
)


def test_it_is_read_back_as_it_was(tmp_path: Path) -> None:
    report = describe(compile_model(Options(str(write_toy(tmp_path)), "cortex-m4")))
    for trade in (None, TRADE):
        (tmp_path / "report.json").write_text(report_to_json(replace(report, trade=trade)))
        assert load_report(tmp_path / "report.json").networks[0].trade == trade


def test_it_tells_forms_and_what_more_bytes_buy() -> None:
    stream = io.StringIO()
    render_trade(TRADE, Console(file=stream, width=100))
    text = stream.getvalue()
    assert "conv1  int4       500  int4 21.5" in text
    assert "fixed  int8        70  -" in text
    assert "570 of 1,070 bytes of weights; SQNR 22.4 dB of 36.0 dB" in text
    assert "promote 1 layer: +13.6 dB, +500 bytes (conv1)" in text


def test_of_many_layers_some_are_named() -> None:
    assert promotion_words(Promotion(tuple("abcde"), 1.25, 9)).endswith("(a, b, c, 2 more)")
