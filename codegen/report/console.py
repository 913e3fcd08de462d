"""Reports on a console, for a reader who sees the network's cost for the first time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from codegen.ir.interface import Port
from codegen.ir.report import (
    Agreement,
    BundleReport,
    BundleTotals,
    Calibration,
    Check,
    Hardware,
    LayerReport,
    MemoryUse,
    Report,
    Totals,
)
from codegen.report.json_form import time_ms
from codegen.report.trade import render_compression, render_trade
from codegen.verify.check import TOP_FUNCTION

TOP_LAYERS = 10
LABEL_WIDTH = 8
COST_HEADERS = ("MACs", "Params", "Bytes", "Packets", "Live RAM")
CODING_HEADERS = ("Coding", "Stored", "Raw")
TIME_HEADERS = ("Cycles", "ms")

PLACES = {
    "host": "host C",
    TOP_FUNCTION: "top function and testbench on the host",
    "commands": "commands of the engine",
    "verilator": "Verilog, simulated",
}
"""Where a network is run besides emulated targets."""
Figure = tuple[str, str, str]
"""What it is of, the number, a remark."""


def render_report(report: Report, console: Console, *, all_layers: bool = True) -> None:
    """Print what the network is, what it costs, what was proved, and its layers.

    Without `all_layers` only the most expensive ones are listed.
    """
    console.print(_title(report))
    console.print(_figures(figure_rows(report)))
    console.print(_origins(report))
    console.print()
    console.print(_layers(report, all_layers))
    console.print()
    if report.compression:
        render_compression(report.compression, console)
        console.print()
    if report.trade:
        render_trade(report.trade, console)
        console.print()
    if report.checks:
        render_checks(report.checks, console)
    for note in report.notes:
        console.print(Text(f"note: {note}", style="dim"))


def render_bundle(bundle: BundleReport, console: Console, *, all_layers: bool = True) -> None:
    """Print each network of a folder; before them, where there are several, what they share."""
    if len(bundle.networks) > 1:
        console.print(_bundle_title(bundle))
        console.print(_figures(_bundle_rows(bundle)))
        if bundle.checks:
            console.print()
            render_checks(bundle.checks, console)
        for note in bundle.notes:
            console.print(Text(f"note: {note}", style="dim"))
        console.print()
    for index, report in enumerate(bundle.networks):
        if index:
            console.print()
        render_report(report, console, all_layers=all_layers)


def render_checks(checks: Sequence[Check], console: Console) -> None:
    """Print one line for each implementation that was compared with the reference."""
    for check in checks:
        mark, style = ("equal", "green") if check.equal else ("DIFFERENT", "bold red")
        console.print(Text.assemble((f"{mark:9} ", style), check_words(check)))


def check_words(check: Check) -> str:
    """Return what was compared, and how much of it."""
    place = PLACES.get(check.place, f"{check.place} (emulated)")
    names = f"{', '.join(check.networks)}: " if check.networks else ""
    extent = f"{count(check.inputs, 'input')}, {grouped(check.compared_bytes)} output bytes"
    return f"{names}reference and {place}, {check.kernels} kernels: {extent}"


def grouped(number: int | None) -> str:
    """Return a number with thousands separators, "-" for None.

    >>> grouped(1234567), grouped(None)
    ('1,234,567', '-')
    """
    return "-" if number is None else f"{number:,}"


def count(number: int, noun: str) -> str:
    """Return a counted noun.

    >>> count(1, "input"), count(20, "input")
    ('1 input', '20 inputs')
    """
    return f"{grouped(number)} {noun}{'' if number == 1 else 's'}"


def shape(dims: Sequence[int]) -> str:
    """Return dimensions as 96x96x3."""
    return "x".join(map(str, dims))


def _title(report: Report) -> Text:
    ins, outs = map(ports_text, (report.interface.inputs, report.interface.outputs))
    return Text.assemble(
        (report.interface.name, "bold"), f" for {report.target}: {ins} in, {outs} out\n"
    )


def ports_text(ports: Sequence[Port]) -> str:
    """Return element types and shapes of ports, a type once for all that follow."""
    texts, last = [], None
    for port in ports:
        dtype = "" if port.dtype is last else f"{port.dtype.value} "
        texts.append(dtype + shape(port.shape))
        last = port.dtype
    return ", ".join(texts)


def _bundle_title(bundle: BundleReport) -> Text:
    names = ", ".join(report.interface.name for report in bundle.networks)
    target = bundle.networks[0].target
    return Text.assemble((bundle.name, "bold"), f" for {target}: {names}, in turn in one arena\n")


def _bundle_rows(bundle: BundleReport) -> Iterator[Figure]:
    totals = bundle.totals
    apart = sum(report.interface.arena_bytes for report in bundle.networks)
    each = f"one arena for all; {grouped(apart)} with an arena each"
    yield "RAM", f"{grouped(totals.arena_bytes)} bytes", each
    yield from _stack_and_flash(totals)
    if totals.flash_bytes is not None:
        code, weights = totals.saved_code_bytes, totals.saved_weights_bytes
        saved = f"{grouped((code or 0) + (weights or 0))} bytes"
        yield "Saved", saved, f"{grouped(code)} code, {grouped(weights)} weights, stored once"


def _figures(rows: Iterator[Figure]) -> Table:
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="bold", no_wrap=True, min_width=LABEL_WIDTH)
    table.add_column(justify="right", no_wrap=True)
    table.add_column()
    for row in rows:
        table.add_row(*row)
    return table


def _stack_and_flash(totals: Totals | BundleTotals) -> Iterator[Figure]:
    if totals.stack_bytes is not None:
        yield "", f"{grouped(totals.stack_bytes)} bytes", "stack, measured"
    if totals.flash_bytes is not None:
        parts = f"{grouped(totals.code_bytes)} code, {grouped(totals.weights_bytes)} weights"
        yield "Flash", f"{grouped(totals.flash_bytes)} bytes", parts


def figure_rows(report: Report) -> Iterator[Figure]:
    """Yield what the network takes and costs."""
    totals = report.totals
    yield "RAM", f"{grouped(totals.arena_bytes)} bytes", arena_remark(report)
    yield from _memory_rows(report, "ram")
    yield from _stack_and_flash(totals)
    yield from _memory_rows(report, "flash")
    work = f"multiply-accumulates; {grouped(totals.params)} parameters"
    yield "Work", f"{grouped(totals.macs)} MACs", work
    floats = [layer.name for layer in report.layers if layer.in_float]
    if floats:
        yield "Floats", count(len(floats), "layer"), f"in floating point: {', '.join(floats)}"
    saved = report.savings
    if saved.channels:
        remark = f"left out with {grouped(saved.params)} parameters: no output needs them"
        yield "", f"{grouped(saved.macs)} MACs", remark
    if totals.cycles is not None:
        counted = f"estimated; {grouped(totals.instructions)} instructions, counted"
        remark = "computed, of streams that never wait" if report.hardware else counted
        yield "Time", f"{grouped(totals.cycles)} cycles", remark
    if totals.lost_cycles is not None:
        remark = _lost_remark(totals.lost_cycles, totals.lost_cycles_lower_bound)
        yield "", f"{grouped(totals.lost_cycles)} cycles", remark
    if report.hardware is not None:
        yield from _hardware_rows(report.hardware)
    elapsed = time_ms(totals.cycles, report.clock_hz)
    if elapsed is not None and report.clock_hz is not None:
        yield "", f"{elapsed:,.2f} ms", f"at {report.clock_hz / 1e6:g} MHz"


def _hardware_rows(hardware: Hardware) -> Iterator[Figure]:
    """Yield what an engine takes of its FPGA."""
    products = f"{hardware.pe} x {hardware.simd} products, {hardware.lanes} rescalers"
    used, available = grouped(hardware.dsps), grouped(hardware.dsps_available)
    in_logic = "" if hardware.dsps_available else "; products are made of logic"
    yield "Engine", f"{used} of {available} DSPs", f"{products}{in_logic}"
    blocks = f"{hardware.block_ram_count} of {hardware.block_rams_available}"
    shares = ", ".join(f"{use.memory} {use.blocks}" for use in hardware.block_rams if use.blocks)
    yield "", f"{blocks} block RAMs", shares
    if hardware.logic_cells is not None:
        most = grouped(hardware.logic_cells_available)
        yield "", f"{grouped(hardware.logic_cells)} logic cells", f"estimated, of {most}"


def _origins(report: Report) -> Table:
    """Return where the scales are from, and how near the float network the result is."""
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="bold", no_wrap=True, min_width=LABEL_WIDTH)
    table.add_column()
    table.add_row("Scales", calibration_remark(report.calibration))
    if report.agreement:
        table.add_row("Fidelity", agreement_remark(report.agreement))
    return table


HELD_INPUT = {"arena": "input", "const": "", "rows": "rows of the input"}
HELD_OUTPUT = {"arena": "output", "rows": "rows of the output"}
"""What the arena holds at the edges of the network, in each mode of transfer."""


def arena_remark(report: Report) -> str:
    size, bound = report.totals.arena_bytes, report.totals.arena_lower_bound_bytes
    arenas = len(report.interface.arenas)
    head = f"arena in {arenas} parts" if arenas > 1 else "arena"
    gap = f"lower bound {grouped(bound)}, {(size - bound) / max(size, 1):.1%} less"
    proof = "proved least" if size == bound else gap
    transfer = report.interface.transfer
    held = (HELD_INPUT[transfer.inputs], HELD_OUTPUT[transfer.outputs])
    parts = ", ".join(part for part in held if part)
    return f"{head}: {parts} and all between, {proof}"


def _memory_rows(report: Report, kind: str) -> Iterator[Figure]:
    for memory in report.memories:
        if memory.kind == kind:
            yield "", f"{grouped(memory.used_bytes)} bytes", _memory_remark(memory)


def _memory_remark(memory: MemoryUse) -> str:
    return f"in {memory.name} of {grouped(memory.capacity_bytes)}"


def _lost_remark(lost: int, bound: int | None) -> str:
    proof = "proved least" if lost == bound else f"lower bound {grouped(bound)}"
    return f"lost to slow memories besides, modelled, {proof}"


def calibration_remark(calibration: Calibration) -> Text:
    if calibration.kind == "model":
        return Text("as the model prescribes them")
    if calibration.kind == "samples":
        samples = count(calibration.samples, "sample")
        return Text(f"from {samples} of {calibration.source}, by {calibration.method}")
    return Text(
        f"SYNTHETIC: from {count(calibration.samples, 'made-up input')}. Costs are right, accuracy"
        " is not: give --calibrate DATA",
        style="bold yellow",
    )


def agreement_remark(agreement: Agreement) -> str:
    top1 = ""
    if agreement.top1 is not None:
        top1 = f"same top-1 as the ONNX model for {agreement.top1:.1%}; "
    return (
        f"{top1}outputs {agreement.mean_difference_steps:.2f} steps apart on average, at most"
        f" {agreement.greatest_difference_steps} ({count(agreement.samples, 'input')})"
    )


def _layers(report: Report, all_layers: bool) -> Table:
    layers = _chosen(report.layers, all_layers)
    measured = is_timed(layers)
    rest = len(report.layers) - len(layers)
    table = Table(
        box=None,
        pad_edge=False,
        header_style="bold",
        caption=f"and {count(rest, 'cheaper layer')}: codegen report" if rest else None,
        caption_justify="left",
    )
    table.add_column("Layer", max_width=28)
    table.add_column("Kernel", no_wrap=True)
    table.add_column("Output", no_wrap=True)
    lost = any(layer.lost_cycles is not None for layer in layers)
    coded = any(layer.coding for layer in layers)
    formats = all(layer.q_format for layer in layers)
    if formats:
        table.add_column("Format", no_wrap=True)
    headers = (
        *COST_HEADERS,
        *(CODING_HEADERS if coded else ()),
        *(TIME_HEADERS if measured else ()),
        *(("Lost",) if lost else ()),
    )
    for header in headers:
        table.add_column(header, justify="right", no_wrap=True)
    for layer in layers:
        name = Text(layer.name, no_wrap=True, overflow="ellipsis")
        coding = coding_cells(layer) if coded else ()
        cells = [*layer_cells(layer), *coding, *(time_cells(layer, report) if measured else ())]
        if formats:
            cells.insert(2, layer.q_format or "")
        table.add_row(name, *cells, *((grouped(layer.lost_cycles),) if lost else ()))
    return table


def coding_cells(layer: LayerReport) -> tuple[str, str, str]:
    """Return how weights are stored, in how many bytes, and how many a byte each takes."""
    if not layer.raw_weights_bytes:
        return "", "", ""
    sizes = grouped(layer.weights_bytes), grouped(layer.raw_weights_bytes)
    return layer.coding or "bytes", *sizes


def is_timed(layers: Sequence[LayerReport]) -> bool:
    """Some cycles were counted for each layer."""
    return any(layer.cycles is not None for layer in layers)


def _chosen(layers: Sequence[LayerReport], all_layers: bool) -> Sequence[LayerReport]:
    """Return all layers, or the most expensive ones in their order."""
    if all_layers or len(layers) <= TOP_LAYERS:
        return layers
    by_cost = sorted(layers, key=lambda layer: (-(layer.cycles or 0), -layer.macs))
    dear = {id(layer) for layer in by_cost[:TOP_LAYERS]}
    return [layer for layer in layers if id(layer) in dear]


def layer_cells(layer: LayerReport) -> tuple[str, ...]:
    """Return the cells of one row after the layer's name."""
    return (
        layer.kernel,
        shape(layer.output_shape),
        grouped(layer.macs),
        grouped(layer.params),
        grouped(layer.output_bytes),
        grouped(layer.packets),
        grouped(layer.live_bytes),
    )


def time_cells(layer: LayerReport, report: Report) -> tuple[str, str]:
    elapsed = time_ms(layer.cycles, report.clock_hz)
    return grouped(layer.cycles), "-" if elapsed is None else f"{elapsed:,.2f}"
