"""The memory map, on the console and in report.html, is what the plan says."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from codegen.ir.certificate import Certificate
from codegen.options import Options
from codegen.pipeline import Compiled, compile_model
from codegen.project import describe
from codegen.report import render_memory, report_to_html
from codegen.report.memory_map import memory_maps, nest_spans
from codegen.report.memory_svg import HEIGHT, WIDTH, map_views
from tests.toy_model import write_small_board, write_toy
from tests.verify.test_tokens import plans

VOID = {"meta", "br", "hr", "img", "link", "input"}


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Compiled:
    """The small model for Cortex-M7."""
    return compile_model(Options(str(write_toy(tmp_path_factory.mktemp("model"))), "cortex-m7"))


def shown(certificate: Certificate) -> str:
    console = Console(file=io.StringIO(), width=110)
    render_memory((certificate,), console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_the_map_holds_the_planners_live_bytes(compiled: Compiled) -> None:
    (found,) = memory_maps(compiled.certificate)
    assert np.array_equal(found.live.sum(axis=0), compiled.plan.live_bytes())
    time, binding = compiled.plan.peak()
    assert found.peak == time
    live = [(found.buffers[index].name, count) for index, count in found.binding()]
    assert sorted(live) == sorted((b.name, int(b.live[time])) for b in binding)


@pytest.mark.parametrize("index", range(4))
def test_live_bytes_never_overlap(index: int) -> None:
    (found,) = memory_maps(plans()[index])
    used = np.zeros((found.base.size_bytes, found.moments), np.int64)
    for begins, ends in zip(found.begins, found.ends, strict=True):
        for time, (begin, end) in enumerate(zip(begins, ends, strict=True)):
            used[begin:end, time] += 1
    assert used.max() == 1
    assert used.sum(axis=0).max() == found.peak_bytes


@pytest.mark.parametrize("index", range(4))
def test_the_console_shows_who_where_and_the_peak(index: int) -> None:
    plan = plans()[index]
    text = shown(plan)
    (found,) = memory_maps(plan)
    assert max(map(len, text.splitlines())) <= 110
    assert f"peak: {found.peak_bytes:,} bytes" in text
    assert "^" in text
    picture = [
        line[12:] for line in text.splitlines() if re.match(r" +[\d,]+ [A-Za-z.]{96}$", line)
    ]
    assert len(picture) == 20
    letters = set("".join(picture)) - {"."}
    legend = re.findall(r"^([A-Za-z])  (\S.*?)  ", text, re.MULTILINE)
    assert letters <= {letter for letter, _ in legend}
    assert [name for _, name in legend] == [b.name for b in found.buffers if b.live]


def test_nests_cover_all_calls() -> None:
    for plan in plans():
        spans = nest_spans(plan)
        assert [first for _, first, _ in spans] == [0, *(end for _, _, end in spans[:-1])]
        assert spans[-1][2] == plan.calls


def coordinates(path: str) -> Iterator[tuple[float, float]]:
    """Yield the corners of a path of M, H, V and Z."""
    x = y = 0.0
    for move, first, second in re.findall(r"([MHV])(-?[\d.]+)(?: (-?[\d.]+))?", path):
        x = float(first) if move != "V" else x
        y = float(second if move == "M" else first) if move != "H" else y
        yield x, y


@pytest.mark.parametrize("index", range(4))
def test_shapes_have_the_area_of_the_live_bytes(index: int) -> None:
    """The area of each polygon, in bytes times calls, is the sum of what is live over time."""
    plan = plans()[index]
    (found,), (view,) = memory_maps(plan), map_views(plan)
    live = [row.sum() for row in found.live if row.any()]
    assert len(live) == len(view.shapes)
    whole = found.base.size_bytes * found.moments
    inner = (WIDTH - 78) * (HEIGHT - 22 - 34)
    for shape, expected in zip(view.shapes, live, strict=True):
        area = 0.0
        for part in re.findall(r"M[^Z]*Z", shape.path):
            corners = list(coordinates(part))
            assert all(0 <= x <= WIDTH and 0 <= y <= HEIGHT for x, y in corners)
            turns = zip(corners, [*corners[1:], corners[0]], strict=True)
            area += abs(sum(x * v - u * y for (x, y), (u, v) in turns)) / 2
        assert area / inner == pytest.approx(expected / whole, rel=0.05, abs=2e-3)


class Balanced(HTMLParser):
    """Fails on a tag that is not closed, and on whatever loads or runs something."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag not in ("script", "link", "img", "iframe")
        assert not {name for name, _ in attrs} & {"src", "href", "onclick", "onload"}
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def test_the_page_stands_alone_and_says_what_the_console_says(compiled: Compiled) -> None:
    report = describe(compiled)
    page = report_to_html(report, compiled.certificate, compiled.network.target)
    measured = replace(report, totals=replace(report.totals, flash_bytes=1000))
    assert "<b>Fits</b>" in report_to_html(measured, compiled.certificate, compiled.network.target)
    assert page == report_to_html(report, compiled.certificate, compiled.network.target)
    parser = Balanced()
    # A self-closing tag of the drawing counts as one that is opened and closed.
    parser.feed(page)
    assert parser.open == []
    text = " ".join(" ".join(parser.text).split())
    for words in (
        "toy for cortex-m7",
        "int8 6x6x2 in, int8 3 out",
        "SYNTHETIC",
        "What binds at the peak",
        f"{report.totals.arena_bytes:,} of 524,288 bytes (axi_sram)",
        "RAM fits",
        *report.notes,
        *(layer.name for layer in report.layers),
    ):
        assert words in text, words
    assert "url(" not in page
    assert "@import" not in page


def test_names_cannot_break_the_page(compiled: Compiled, tmp_path: Path) -> None:
    source = write_toy(tmp_path, "a<b>&c.onnx")
    made = compile_model(Options(str(source), "host", name="net"))
    page = report_to_html(describe(made), made.certificate, made.network.target)
    assert "a&lt;b&gt;&amp;c" in page
    assert "<b>&c" not in page


def test_what_does_not_fit_is_said(tmp_path: Path) -> None:
    made = compile_model(Options(str(write_toy(tmp_path)), str(write_small_board(tmp_path))))
    page = report_to_html(describe(made), made.certificate, made.network.target)
    assert "Does not fit: too little RAM" in page


def test_chosen_memories_are_on_the_page(tmp_path: Path) -> None:
    memories = {"dtcm": 100, "axi_sram": None, "flash": 150, "qspi": None}
    options = Options(str(write_toy(tmp_path)), "cortex-m7", memories=memories)
    compiled = compile_model(options)
    page = report_to_html(describe(compiled), compiled.certificate, compiled.network.target)
    assert {base.name for base in compiled.certificate.bases} == {"dtcm_arena", "axi_sram_arena"}
    for used in describe(compiled).memories:
        assert used.used_bytes > 0
        assert f"{used.used_bytes:,} of {used.capacity_bytes:,} bytes ({used.name})" in page
    assert "<b>Fits</b>" in page
    for name in ("dtcm_arena", "axi_sram_arena"):
        assert name in page
