"""Pace: a flow run on tokens, pixel by pixel; from that follow its FIFOs, interval and latency.

A pixel comes, and its room is freed, from one time to another, byte after byte at an even pace; so
a pixel may be begun while the room of its last byte is yet to be freed. Times do not depend on the
order in which stages are looked at, for each stage reads and writes its streams in one order and
waits where it must. So a run that comes to its end proves that no timing stops the hardware, which
has room for at least as many bytes everywhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from codegen.ir.flow import WINDOWED, Flow, Image, Stage, Unit
from codegen.plan.fold import ROW_CYCLES, pixel_cycles

FRAMES = 4
"""Frames of a run: the last two tell the interval."""
UNBOUNDED = 1 << 40
LEAST_PIXELS = 2
IN_FLIGHT = 26
"""Results that may be on their way besides two sets: so rescalers never wait for room."""
LEAST_QUEUE = 8
"""Bytes of the queue behind a stage that makes results one after the other, as they leave."""
PIPELINE = 28
"""Cycles from the last beat of a window to the first of its results in the next stage, besides
those of sums and passes; rather more than less, or a FIFO before a sum would be too short.
"""


@dataclass(frozen=True, slots=True)
class Pace:
    """Cycles between frames, and from the first byte of the first frame to its last result."""

    interval: int
    latency: int


@dataclass(slots=True)
class Edge:
    """A stream to one reader, in pixels of the writer: when each came, and when its room was freed.

    Both are times of the first and the last byte. `capacity` and `pixel` are in bytes.
    """

    capacity: int
    pixel: int
    ready: list[Span] = field(default_factory=list)
    freed: list[Span] = field(default_factory=list)

    def room(self, k: int, spent: int) -> int | None:
        """Return when pixel k may be begun by a writer who makes its bytes in `spent` cycles.

        None where that is not known yet. So many bytes as `ahead` use the room of the pixel before
        the `whole` ones; times are compared where either ends.
        """
        whole, ahead = divmod(self.capacity, self.pixel)
        last = k - whole
        if last < 0:
            return 0
        if last >= len(self.freed):
            return None
        turn, rest = ahead * spent // self.pixel, self.pixel - ahead
        begin, end = self.freed[last]
        found = max(begin - turn, begin + (end - begin) * rest // self.pixel - spent)
        if ahead and last > 0:
            begin, end = self.freed[last - 1]
            found = max(found, begin + (end - begin) * rest // self.pixel, end - turn)
        return max(found, 0)

    @property
    def most(self) -> int:
        """The most pixels that were in it at one time."""
        begins = [(begin, 1) for begin, _ in self.ready]
        events = sorted(begins + [(end, -1) for _, end in self.freed])
        held = most = 0
        for _, step in events:
            held += step
            most = max(most, held)
        return most


Span = tuple[int, int]
Edges = Mapping[tuple[str, int], Edge]


def run(flow: Flow, fifos: Mapping[tuple[str, int], int]) -> tuple[Pace, Edges] | None:
    """Return the pace of a flow whose FIFOs hold so many bytes; None where it stops for ever."""
    images = {stage.output: stage.y for stage in flow.stages} | {flow.input: flow.source}
    queued = {stage.output: queue_bytes(stage) - stage.fold.pe for stage in flow.stages}
    edges = {
        (stage.name, i): Edge(
            _capacity(stage, fifos.get((stage.name, i), 0)) + queued.get(value, 0),
            images[value].channels,
        )
        for stage in flow.stages
        for i, value in enumerate(stage.inputs)
    }
    outs = {value: [edges[s.name, i] for s, i in flow.readers(value)] for value in images}
    last = images[flow.output]
    end = Edge(UNBOUNDED, last.channels)
    outs[flow.output].append(end)
    processes = [_source(flow.source, outs[flow.input]), _sink(last.height * last.width, end)]
    for stage in flow.stages:
        ins = [edges[stage.name, i] for i in range(len(stage.inputs))]
        if stage.unit in WINDOWED:
            each = images[stage.inputs[0]].channels
            processes.append(_windows(stage, ins[0], each, outs[stage.output]))
        else:
            processes.append(_pixels(stage, ins, outs[stage.output]))
    before = -1
    while processes:
        now = sum(len(edge.ready) + len(edge.freed) for edge in (*edges.values(), end))
        if now == before:
            return None
        before = now
        processes = [process for process in processes if next(process, False)]
    pixels = last.height * last.width
    frame_ends = [done for _, done in end.ready[pixels - 1 :: pixels]]
    return Pace(frame_ends[-1] - frame_ends[-2], frame_ends[0]), edges


def queue_bytes(stage: Stage) -> int:
    """Return the bytes of the queue behind a stage; it begins results that find room there."""
    if stage.unit in (Unit.TABLE, Unit.SOFTMAX):
        return LEAST_QUEUE
    return 2 * stage.fold.pe + IN_FLIGHT


def pipeline(stage: Stage) -> int:
    """Return the cycles from the last beat of a window to its first result in the next stage."""
    return PIPELINE + 2 * stage.passes + (stage.fold.simd - 1).bit_length()


def with_fifos(flow: Flow) -> tuple[Flow, Pace]:
    """Return the flow with the smallest FIFOs that cost no cycle, and its pace.

    All stages but those with windows have one before each operand, of two pixels at least: one is
    read while the next is made. In FIFOs without bounds before additions as much gathers as other
    stages leave there; so much suffices. Then each is halved as long as the interval stays.
    """
    pixels = {
        (s.name, i): s.x.channels
        for s in flow.stages
        for i in range(len(s.inputs))
        if s.unit not in WINDOWED
    }
    least = {place: LEAST_PIXELS * size for place, size in pixels.items()}
    adds = {s.name for s in flow.stages if s.unit is Unit.ADD}
    joins = [place for place in pixels if place[0] in adds]
    free = run(flow, {**least, **dict.fromkeys(joins, UNBOUNDED)})
    assert free is not None, "an addition of what a stage withholds"
    pace, edges = free
    sizes = dict(least)
    for place in joins:
        sizes[place] = max(least[place], edges[place].most * pixels[place])
    for place in joins:
        low, high = LEAST_PIXELS - 1, sizes[place] // pixels[place]
        while high - low > 1:
            middle = (low + high) // 2
            found = run(flow, {**sizes, place: middle * pixels[place]})
            if found is not None and found[0].interval <= pace.interval:
                high = middle
            else:
                low = middle
        sizes[place] = high * pixels[place]
    done = run(flow, sizes)
    assert done is not None
    return replace(flow, fifos=tuple((name, i, n) for (name, i), n in sizes.items())), done[0]


def _capacity(stage: Stage, fifo: int) -> int:
    """Return how many bytes a stage has room for."""
    return stage.rows_kept * stage.x.row_bytes if stage.unit in WINDOWED else fifo


def _wait(outs: list[Edge], k: int, spent: int) -> Iterator[int]:
    """Yield -1 while it is not known when all readers have room for pixel k, then when that is."""
    while True:
        found = [edge.room(k, spent) for edge in outs]
        known = [t for t in found if t is not None]
        if len(known) == len(found):
            yield max(known, default=0)
            return
        yield -1


def _source(image: Image, outs: list[Edge]) -> Iterator[bool]:
    now = 0
    for k in range(FRAMES * image.height * image.width):
        for free in _wait(outs, k, image.channels):
            if free < 0:
                yield True
            now = max(now, free)
        for edge in outs:
            edge.ready.append((now, now + image.channels))
        now += image.channels


def _windows(stage: Stage, rows: Edge, each: int, outs: list[Edge]) -> Iterator[bool]:
    """Run a stage that keeps rows; `each` is the bytes of a pixel of what it reads.

    A row of results waits for the last of its rows, and gives back those that the next has no use
    for.
    """
    now = made = 0
    spent, per_row, height = pixel_cycles(stage), stage.x.row_bytes // each, stage.x.height
    first, last = stage.beats + pipeline(stage), stage.results[-1] * stage.passes + pipeline(stage)
    for frame in range(FRAMES):
        for row in range(stage.y.height):
            need = (frame * height + _reach(stage, row)) * per_row
            while len(rows.ready) < need:
                yield True
            now = max(now, rows.ready[need - 1][1]) + ROW_CYCLES
            for _ in range(stage.y.width):
                for free in _wait(outs, made, spent):
                    if free < 0:
                        yield True
                    now = max(now, free)
                for edge in outs:
                    edge.ready.append((now + first, now + spent + last))
                now += spent
                made += 1
            kept = (frame * height + _first(stage, row + 1)) * per_row
            rows.freed.extend([(now, now)] * (kept - len(rows.freed)))


def _first(stage: Stage, row: int) -> int:
    """Return the first row of the operand that results from `row` on read."""
    if row == stage.y.height:
        return stage.x.height
    return min(max(row * stage.windows.strides[0] - stage.windows.pads[0], 0), stage.x.height)


def _reach(stage: Stage, row: int) -> int:
    """Return how many rows of the operand must be there for a row of results."""
    if row == stage.y.height - 1:
        return stage.x.height
    bottom = row * stage.windows.strides[0] - stage.windows.pads[0] + stage.windows.span
    return max(min(bottom, stage.x.height), _first(stage, row + 1), 1)


def _pixels(stage: Stage, ins: list[Edge], outs: list[Edge]) -> Iterator[bool]:
    """Run a stage that reads a pixel of each operand; a running average makes one of all."""
    now = made = 0
    spent, per_frame = pixel_cycles(stage), stage.x.height * stage.x.width
    each = per_frame if stage.unit is Unit.RUNNING else 1
    for k in range(FRAMES * per_frame):
        while any(len(edge.ready) <= k for edge in ins):
            yield True
        for begin, end in (edge.ready[k] for edge in ins):
            now = max(now, begin, end - spent)
        ends = (k + 1) % each == 0
        for free in _wait(outs if ends else [], made, spent):
            if free < 0:
                yield True
            now = max(now, free)
        for edge in ins:
            edge.freed.append((now, now + spent))
        for edge in outs if ends else []:
            edge.ready.append((now + pipeline(stage), now + spent + pipeline(stage)))
        now += spent
        made += ends


def _sink(pixels: int, edge: Edge) -> Iterator[bool]:
    for k in range(FRAMES * pixels):
        while len(edge.ready) <= k:
            yield True
        edge.freed.append(edge.ready[k])
