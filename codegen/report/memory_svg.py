"""The memory map as finished coordinates: the template of report.html only draws them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from codegen.ir.certificate import Certificate
from codegen.report.console import grouped
from codegen.report.memory_map import MemoryMap, memory_maps, nest_spans
from codegen.report.memory_text import peak_words

WIDTH, HEIGHT = 1000, 420
LEFT, TOP, BOTTOM = 78, 22, 34
COLORS = 9
CHARACTER = 6.2
"""Pixels that a character of a label takes."""


@dataclass(frozen=True, slots=True)
class Shape:
    """The bytes of one buffer over time, its tooltip, and a label where there is room for one."""

    path: str
    css: str
    title: str
    label: str
    x: str
    y: str


@dataclass(frozen=True, slots=True)
class Band:
    """One nest along the axis of time."""

    x: str
    width: str
    title: str
    label: str
    middle: str
    is_odd: bool


@dataclass(frozen=True, slots=True)
class Level:
    """A horizontal line, at an address or a size."""

    y: str
    label: str


@dataclass(frozen=True, slots=True)
class MapView:
    """A base as the template draws it; coordinates are within WIDTH x HEIGHT."""

    name: str
    summary: str
    shapes: tuple[Shape, ...]
    bands: tuple[Band, ...]
    levels: tuple[Level, ...]
    bound: Level | None
    size: Level
    peak_x: str
    peak_label: str
    peak_anchor: str
    binding: tuple[tuple[str, str, str, str], ...]


def map_views(certificate: Certificate) -> tuple[MapView, ...]:
    """Return the view of each base."""
    return tuple(_view(certificate, found) for found in memory_maps(certificate))


@dataclass(frozen=True, slots=True)
class _Scale:
    """From calls and addresses to coordinates; address 0 is at the bottom."""

    moments: int
    size: int

    def x(self, call: float) -> float:
        return LEFT + (WIDTH - LEFT) * call / self.moments

    def y(self, address: float) -> float:
        return HEIGHT - BOTTOM - (HEIGHT - BOTTOM - TOP) * address / self.size


def _view(certificate: Certificate, found: MemoryMap) -> MapView:
    scale = _Scale(found.moments, found.base.size_bytes)
    bound = certificate.lower_bound_bytes
    peak = scale.x(found.peak + 0.5)
    shown = 0 < bound < found.base.size_bytes and len(certificate.bases) == 1
    return MapView(
        name=found.base.name,
        summary=peak_words(found),
        shapes=tuple(_shapes(found, scale)),
        bands=tuple(_bands(certificate, scale)),
        levels=tuple(_levels(found.base.size_bytes, scale)),
        bound=Level(_n(scale.y(bound)), f"lower bound {grouped(bound)}") if shown else None,
        size=Level(_n(scale.y(found.base.size_bytes)), grouped(found.base.size_bytes)),
        peak_x=_n(peak),
        peak_label=f"peak: {grouped(found.peak_bytes)} bytes needed",
        peak_anchor="start" if peak < WIDTH / 2 else "end",
        binding=tuple(_binding(found)),
    )


def _binding(found: MemoryMap) -> Iterator[tuple[str, str, str, str]]:
    """Yield name, bytes needed at the peak, bytes in all, and rows kept of what binds."""
    for index, live in found.binding():
        buffer = found.buffers[index]
        yield buffer.name, grouped(live), grouped(buffer.size_bytes), found.kept(index)


def _shapes(found: MemoryMap, scale: _Scale) -> Iterator[Shape]:
    colored = 0
    for index, buffer in enumerate(found.buffers):
        css = f"c{colored % COLORS}" if buffer.values else "scratch"
        colored += bool(buffer.values)
        runs = list(_runs(found.live[index] > 0))
        path = " ".join(_outline(found, index, run, scale) for run in runs)
        if not path:
            continue
        start, end = buffer.offset_bytes, buffer.offset_bytes + buffer.size_bytes
        title = (
            f"{buffer.name}: {grouped(buffer.size_bytes)} bytes at {grouped(start)} to"
            f" {grouped(end)}, rows kept: {found.kept(index)},"
            f" calls {buffer.live_from_call} to {buffer.live_until_call - 1}"
        )
        yield Shape(path, css, title, *_label(found, index, max(runs, key=_length), scale))


def _runs(live: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> Iterator[tuple[int, int]]:
    """Yield the stretches of calls in which something is live."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], live.astype(np.int8), [0]])))
    yield from ((int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True))


def _length(run: tuple[int, int]) -> int:
    return run[1] - run[0]


def _outline(found: MemoryMap, index: int, run: tuple[int, int], scale: _Scale) -> str:
    """Return the path around the live bytes of a run: there along the top, back along the foot."""
    first, end = run
    tops, feet = found.ends[index, first:end], found.begins[index, first:end]
    there = _stairs(tops, first, end, scale)
    back = _stairs(feet, first, end, scale)[::-1]
    points = [*there, *back]
    moves = [f"M{_n(points[0][0])} {_n(points[0][1])}"]
    for (x, y), (next_x, next_y) in pairwise(points):
        if x != next_x:
            moves.append(f"H{_n(next_x)}")
        if y != next_y:
            moves.append(f"V{_n(next_y)}")
    return "".join(moves) + "Z"


def _stairs(
    edge: np.ndarray[tuple[int], np.dtype[np.int64]], first: int, end: int, scale: _Scale
) -> list[tuple[float, float]]:
    """Return the corners of an edge over the calls from `first` to `end`."""
    corners = [0, *(np.flatnonzero(np.diff(edge)) + 1).tolist(), end - first]
    found = []
    for start, stop in pairwise(corners):
        y = scale.y(int(edge[start]))
        found += [(scale.x(first + start), y), (scale.x(first + stop), y)]
    return found


def _label(
    found: MemoryMap, index: int, run: tuple[int, int], scale: _Scale
) -> tuple[str, str, str]:
    """Return a name, shortened to its room, and its place in the middle; "" where none fits."""
    middle = (run[0] + run[1]) // 2
    top, foot = scale.y(found.ends[index, middle]), scale.y(found.begins[index, middle])
    room = int((scale.x(run[1]) - scale.x(run[0])) / CHARACTER) - 1
    name = found.buffers[index].name
    text = name if len(name) <= room else f"{name[: max(room - 1, 0)]}…"
    if foot - top < 11 or len(text) < min(len(name), 4):
        return "", "0", "0"
    return text, _n(scale.x((run[0] + run[1]) / 2)), _n((top + foot) / 2 + 3.5)


def _bands(certificate: Certificate, scale: _Scale) -> Iterator[Band]:
    for index, (words, first, end) in enumerate(nest_spans(certificate)):
        x, width = scale.x(first), scale.x(end) - scale.x(first)
        label = words if len(words) * CHARACTER < width else ""
        title = f"{words}: calls {first} to {end - 1}"
        yield Band(_n(x), _n(width), title, label, _n(x + width / 2), bool(index % 2))


def _levels(size: int, scale: _Scale) -> Iterator[Level]:
    """Yield about five round addresses."""
    steps = (digit * 10**power for power in range(12) for digit in (1, 2, 5))
    step = next((step for step in steps if size <= 6 * step), size)
    for address in range(0, size, step):
        if scale.y(address) - scale.y(size) > 14:
            yield Level(_n(scale.y(address)), grouped(address))


def _n(value: float) -> str:
    """Return a coordinate to a tenth."""
    return f"{value:.1f}".removesuffix(".0")
