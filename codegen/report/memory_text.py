"""The memory map on a console: a picture in letters, and who they are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from string import ascii_lowercase, ascii_uppercase

import numpy as np
from rich.console import Console
from rich.table import Table
from rich.text import Text

from codegen.ir.certificate import Certificate
from codegen.report.console import grouped
from codegen.report.memory_map import MemoryMap, memory_maps, nest_spans

LETTERS = ascii_uppercase + ascii_lowercase
COLUMNS, LINES = 96, 20
FREE = "."
NAME_COLUMNS = 34


def render_memory(certificates: Sequence[Certificate], console: Console) -> None:
    """Print the maps of each network of a folder, with its name where there are several."""
    for index, certificate in enumerate(certificates):
        if len(certificates) > 1:
            console.print(Text(("\n" if index else "") + certificate.name, style="bold"))
        _render_maps(certificate, console)


def _render_maps(certificate: Certificate, console: Console) -> None:
    """Print for each base who lives where, when, and what binds at the peak."""
    bound = f"lower bound of all plans {grouped(certificate.lower_bound_bytes)}"
    for found in memory_maps(certificate):
        console.print(Text(f"{found.base.name}: {grouped(found.base.size_bytes)} bytes; {bound}"))
        console.print(Text(f"peak: {peak_words(found)}\n"), soft_wrap=True)
        marks = _marks(found)
        for line in (*_picture(found, marks), *_axis(found, certificate)):
            console.print(Text(line, no_wrap=True))
        console.print()
        console.print(_legend(found, marks))


def peak_words(found: MemoryMap) -> str:
    """Return how many bytes are needed at most, and when."""
    layer = f", in {found.owners[found.peak]}" if found.owners else ""
    calls = f"call {grouped(found.peak)} of {grouped(found.moments)}"
    return f"{grouped(found.peak_bytes)} bytes hold something needed at {calls}{layer}"


def _marks(found: MemoryMap) -> list[str]:
    """Return a letter for each buffer; after 52 they begin again, for buffers of later times."""
    return [LETTERS[i % len(LETTERS)] for i in range(len(found.buffers))]


def _edges(count: int, parts: int) -> list[tuple[int, int]]:
    """Divide a range into parts, each of one at least."""
    starts = [i * count // parts for i in range(parts + 1)]
    return [(a, max(a + 1, b)) for a, b in pairwise(starts)]


def _picture(found: MemoryMap, marks: list[str]) -> Iterator[str]:
    """Yield lines from the highest address down: the letter of what fills most of each cell."""
    lines = min(LINES, found.base.size_bytes)
    for low, high in reversed(_edges(found.base.size_bytes, lines)):
        held = np.clip(np.minimum(found.ends, high) - np.maximum(found.begins, low), 0, None)
        cells = ""
        for first, end in _edges(found.moments, COLUMNS):
            filled = held[:, first:end].sum(axis=1)
            most = int(filled.argmax())
            enough = 3 * int(filled.sum()) >= (high - low) * (end - first)
            cells += marks[most] if enough else FREE
        yield f"{grouped(low):>11} {cells}"


def _axis(found: MemoryMap, certificate: Certificate) -> Iterator[str]:
    """Yield where nests begin, and the peak."""
    line = [" "] * COLUMNS
    for _, first, _ in nest_spans(certificate):
        line[first * COLUMNS // found.moments] = "|"
    yield f"{'nests':>11} {''.join(line)}"
    column = found.peak * COLUMNS // found.moments
    words = "^ peak" if column < COLUMNS - 6 else "peak ^"
    yield f"{'':11} {' ' * (column - words.index('^'))}{words}"


def _legend(found: MemoryMap, marks: list[str]) -> Table:
    """Return a line for each buffer, in the order of time."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("", no_wrap=True)
    table.add_column("Holds", max_width=NAME_COLUMNS, no_wrap=True, overflow="ellipsis")
    for header in ("From byte", "To", "Bytes", "Rows", "Calls", "At peak"):
        table.add_column(header, justify="right", no_wrap=True)
    at_peak = dict(found.binding())
    for index, buffer in enumerate(found.buffers):
        if buffer.live_until_call == 0:
            continue
        start = buffer.offset_bytes
        table.add_row(
            marks[index],
            Text(buffer.name, no_wrap=True, overflow="ellipsis"),
            grouped(start),
            grouped(start + buffer.size_bytes),
            grouped(buffer.size_bytes),
            found.kept(index),
            f"{buffer.live_from_call}-{buffer.live_until_call - 1}",
            grouped(at_peak[index]) if index in at_peak else "",
        )
    return table
