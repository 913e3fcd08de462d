"""report.html: all that the console report shows, and the memory map, on a page of its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from codegen.emit.c import environment
from codegen.ir.certificate import Certificate
from codegen.ir.interface import Interface
from codegen.ir.report import LayerReport, Report
from codegen.report.console import (
    COST_HEADERS,
    TIME_HEADERS,
    agreement_remark,
    calibration_remark,
    check_words,
    figure_rows,
    grouped,
    is_timed,
    layer_cells,
    ports_text,
    time_cells,
)
from codegen.report.memory_svg import HEIGHT, LEFT, WIDTH, map_views
from codegen.targets import Target
from codegen.verify import plan_file

HTML_FILE = "report.html"
BAR_PIXELS = 60


@dataclass(frozen=True, slots=True)
class Gauge:
    """How much of a memory of the target's typical part the network takes."""

    kind: str
    used: str
    size: str
    memory: str
    percent: str
    width: str
    fits: bool


@dataclass(frozen=True, slots=True)
class Row:
    """A layer: its name, words, figures, and its share of all cost as the width of a bar."""

    name: str
    words: tuple[str, ...]
    figures: tuple[str, ...]
    bar: str


def html_file(interface: Interface) -> str:
    """Return the name of the page; networks of one library have one each."""
    return f"{interface.prefix}{HTML_FILE}"


def report_to_html(report: Report, certificate: Certificate, target: Target) -> str:
    """Return the page; equal reports give equal bytes."""
    gauges = tuple(_gauges(report, target))
    timed = is_timed(report.layers)
    ports = report.interface
    context = {
        "report": report,
        "title": f"{ports.name} for {report.target}",
        "inputs": ports_text(ports.inputs),
        "outputs": ports_text(ports.outputs),
        "part": target.part,
        "gauges": gauges,
        "verdict": _verdict(gauges),
        "fits": all(gauge.fits for gauge in gauges),
        "figures": tuple(figure_rows(report)),
        "calibration": calibration_remark(report.calibration).plain,
        "is_synthetic": report.calibration.kind == "synthetic",
        "agreement": agreement_remark(report.agreement) if report.agreement else "",
        "maps": map_views(certificate),
        "map_width": WIDTH,
        "map_height": HEIGHT,
        "map_left": LEFT,
        "headers": (*COST_HEADERS, *(TIME_HEADERS if timed else ())),
        "share_of": "Cycles" if timed else "MACs",
        "layers": tuple(_rows(report, timed)),
        "checks": tuple((check.equal, check_words(check)) for check in report.checks),
        "calls": grouped(certificate.calls),
        "plan_file": plan_file(ports),
    }
    page = environment().overlay(autoescape=True).get_template("report/report.html.j2")
    return page.render(context)


def _gauges(report: Report, target: Target) -> Iterator[Gauge]:
    """Yield RAM and flash, where the target has such memory and the need is known.

    Of memories that were chosen, each that is used.
    """
    totals = report.totals
    for kind, label, used in (
        ("ram", "RAM", totals.arena_bytes + (totals.stack_bytes or 0)),
        ("flash", "Flash", totals.flash_bytes),
    ):
        chosen = [memory for memory in report.memories if memory.kind == kind]
        for memory in chosen:
            if memory.used_bytes:
                yield _gauge(label, memory.used_bytes, memory.name, memory.capacity_bytes)
        known = [memory for memory in target.on_chip if memory.kind == kind]
        if known and not chosen and used is not None:
            largest = max(known, key=lambda memory: memory.size_bytes)
            yield _gauge(label, used, largest.name, largest.size_bytes)


def _gauge(label: str, used: int, memory: str, size_bytes: int) -> Gauge:
    share = used / size_bytes
    return Gauge(
        label,
        grouped(used),
        grouped(size_bytes),
        memory,
        f"{share:.0%}" if share >= 0.1 else f"{share:.1%}",
        f"{min(share, 1.0):.1%}",
        share <= 1,
    )


def _verdict(gauges: Sequence[Gauge]) -> str:
    """Return in words whether the network fits, as far as is known; "" where nothing is."""
    beyond = dict.fromkeys(gauge.kind for gauge in gauges if not gauge.fits)
    if beyond:
        return f"Does not fit: too little {' and '.join(beyond)}"
    known = list(dict.fromkeys(gauge.kind for gauge in gauges))
    return "Fits" if known == ["RAM", "Flash"] else "".join(f"{kind} fits" for kind in known)


def _rows(report: Report, timed: bool) -> Iterator[Row]:
    costs = [_cost(layer, timed) for layer in report.layers]
    greatest = max((*costs, 1))
    for layer, cost in zip(report.layers, costs, strict=True):
        kernel, output, *figures = layer_cells(layer)
        times = time_cells(layer, report) if timed else ()
        bar = f"{BAR_PIXELS * cost / greatest:.0f}px"
        yield Row(layer.name, (kernel, output), (*figures, *times), bar)


def _cost(layer: LayerReport, timed: bool) -> int:
    return (layer.cycles or 0) if timed else layer.macs
