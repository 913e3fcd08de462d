"""Folding: how wide each stage is built, so that all keep up with one another at the least cost."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import reduce

from codegen.errors import DoesNotFit
from codegen.ir.flow import RESCALED, WINDOWED, Flow, Fold, Stage, Unit

ROW_CYCLES = 5
"""Between the last beat of a row of results and the first of the next."""
LEAST_SET_CYCLES = 2
"""A set of results takes so many cycles at least."""
RUNNING_CYCLES = 3
"""A running average takes a byte in so many cycles at least: it reads, adds, and writes."""
BLOCK_SHAPES = ((36, 512), (18, 1024), (9, 2048), (4, 4096), (2, 8192), (1, 16384))
"""Widths and depths of a block of ECP5 memory."""
LEAST_ROM_BITS = 4096
LEAST_RAM_BITS = 2048
"""Memories of fewer bits are built of logic, as synthesis finds best."""
BITS_A_CELL = 5
"""Bits of memory in logic that take a cell, with what chooses among them."""
PORTS_LOGIC = 400
"""Logic cells of the outer streams and registers."""
LEAST_RESCALE_ROWS = 16
"""Rows of a rescaler from which on they are in blocks: logic would take more than it has else."""
SOFTMAX_ELEMENT_CYCLES = 44


@dataclass(frozen=True, slots=True)
class Budget:
    """The most that a network may take; None: all it wants."""

    dsp: int | None = None
    block_ram: int | None = None
    lut: int | None = None


@dataclass(frozen=True, slots=True)
class Cost:
    """What hardware takes: multipliers, blocks of memory, and logic cells (an estimate)."""

    dsp: int = 0
    block_ram: int = 0
    lut: int = 0

    def __add__(self, other: Cost) -> Cost:
        return Cost(self.dsp + other.dsp, self.block_ram + other.block_ram, self.lut + other.lut)


@dataclass(frozen=True, slots=True)
class Memory:
    """A memory of a stage: words, bits a word, from how many bits on it is in blocks."""

    words: int
    bits: int
    least_bits: int = LEAST_RAM_BITS

    @property
    def blocks(self) -> int:
        """Blocks it takes: all of one shape, the best.

        >>> Memory(512, 36).blocks, Memory(513, 36).blocks, Memory(20, 36).blocks
        (1, 2, 0)
        """
        if self.words * self.bits < self.least_bits:
            return 0
        return min(-(-self.bits // w) * -(-self.words // d) for w, d in BLOCK_SHAPES)

    @property
    def logic(self) -> int:
        """Logic cells that it takes about where it is not in blocks."""
        return 0 if self.blocks else self.words * self.bits // BITS_A_CELL


def fold(flow: Flow, interval: int | None, budget: Budget) -> Flow:
    """Return the flow with the fold of each stage that costs least.

    With an interval, each stage takes no more cycles a frame than that; without, the interval is
    the least that the budget allows. DoesNotFit where none does.
    """
    choices = [candidates(stage) for stage in flow.stages]
    if interval is not None:
        stages = _within(choices, interval)
        if stages is None:
            least = max(min(cycles(s) for s in found) for found in choices)
            raise DoesNotFit(
                f"no fold of the network takes a frame every {interval} cycles",
                hint=f"the least interval is {least} cycles",
            )
        check_budget(total(stages), budget)
        return replace(flow, stages=stages)
    intervals = sorted({cycles(stage) for found in choices for stage in found})
    best: tuple[Stage, ...] | None = None
    low, high = 0, len(intervals)
    while low < high:
        middle = (low + high) // 2
        stages = _within(choices, intervals[middle])
        if stages is not None and _fits(total(stages), budget):
            best, high = stages, middle
        else:
            low = middle + 1
    if best is None:
        smallest = _within(choices, intervals[-1])
        assert smallest is not None
        check_budget(total(smallest), budget)
        best = smallest
    return replace(flow, stages=best)


def _within(choices: Sequence[Sequence[Stage]], interval: int) -> tuple[Stage, ...] | None:
    """Return the cheapest fold of each stage within the interval; None where one has none."""
    chosen = []
    for found in choices:
        kept = [stage for stage in found if cycles(stage) <= interval]
        if not kept:
            return None
        chosen.append(min(kept, key=lambda stage: (price(cost(stage)), cycles(stage))))
    return tuple(chosen)


def _fits(found: Cost, budget: Budget) -> bool:
    return not _over(found, budget)


def _over(found: Cost, budget: Budget) -> list[str]:
    """Return what exceeds the budget, in words."""
    pairs = (
        (found.dsp, budget.dsp, "multipliers"),
        (found.block_ram, budget.block_ram, "blocks of memory"),
        (found.lut, budget.lut, "logic cells"),
    )
    return [f"{n} {what} of {most}" for n, most, what in pairs if most is not None and n > most]


def check_budget(found: Cost, budget: Budget) -> None:
    """Raise DoesNotFit with all that exceeds the budget."""
    over = _over(found, budget)
    if over:
        raise DoesNotFit(
            f"the network takes {' and '.join(over)}",
            hint="allow more, or more cycles a frame; the shared engine takes least",
        )


def price(found: Cost) -> int:
    """Return what costs are compared by: logic cells, of which others are worth as many as a
    device has for each.
    """
    return found.lut + 500 * found.dsp + 400 * found.block_ram


def total(stages: Sequence[Stage]) -> Cost:
    return reduce(lambda a, b: a + b, (cost(stage) for stage in stages), Cost())


def candidates(stage: Stage) -> tuple[Stage, ...]:
    """Return the stage in all folds that no other betters in both cycles and price."""
    found = [replace(stage, fold=fold) for fold in folds(stage)]
    ranked = sorted((cycles(s), price(cost(s)), i) for i, s in enumerate(found))
    kept: list[Stage] = []
    least: int | None = None
    for _, worth, i in ranked:
        if least is None or worth < least:
            kept.append(found[i])
            least = worth
    return tuple(kept)


def folds(stage: Stage) -> Iterator[Fold]:
    """Yield the folds of a stage: for each number of turns, the least width that needs no more."""
    products = stage.digits.products
    mults = [n for n in (1, 2, 4) if products % n == 0] if stage.unit in RESCALED else [0]
    widths, depths = [1], [1]
    if stage.unit in WINDOWED:
        widths = _divisions(stage.filters)
    if stage.unit is Unit.MAC:
        depths = _divisions(stage.group_bytes)
    yield from (Fold(pe, simd, m) for pe in widths for simd in depths for m in mults)


def _divisions(n: int) -> list[int]:
    return sorted({-(-n // turns) for turns in range(1, n + 1)})


def cycles(stage: Stage) -> int:
    """Return the cycles between frames of a stage that neither waits nor is waited for."""
    return max(busy(stage), stage.x.size_bytes, stage.y.size_bytes)


def busy(stage: Stage) -> int:
    if stage.unit in WINDOWED:
        return stage.y.height * (ROW_CYCLES + stage.y.width * pixel_cycles(stage))
    pixels = stage.y.height * stage.y.width
    return (stage.x.height * stage.x.width if stage.unit is Unit.RUNNING else pixels) * (
        pixel_cycles(stage)
    )


def pixel_cycles(stage: Stage) -> int:
    """Return the cycles of all results of a pixel; of a running average, of all of its operands.

    The last beat of a window waits until the results of the one before have been rescaled.
    """
    if stage.unit in WINDOWED:
        groups = stage.windows.groups if stage.unit is Unit.MAC else 1
        before = (*stage.results[-1:], *stage.results[:-1])
        return groups * sum(max(stage.beats, n * stage.passes, LEAST_SET_CYCLES) for n in before)
    if stage.unit is Unit.SOFTMAX:
        return stage.x.channels * SOFTMAX_ELEMENT_CYCLES
    least = RUNNING_CYCLES if stage.unit is Unit.RUNNING else LEAST_SET_CYCLES
    return stage.x.channels * max(stage.passes, least)


def memories(stage: Stage) -> dict[str, Memory]:
    """Return the memories of a stage by what they hold."""
    numbers, found = stage.numbers, {}
    if stage.unit in WINDOWED:
        found["rows"] = Memory(stage.rows_kept * stage.row_words, 8 * stage.word_bytes)
    if stage.has_weights:
        groups = stage.windows.groups if stage.unit is Unit.MAC else 1
        bits = 8 * stage.fold.pe * stage.fold.simd
        found["weights"] = Memory(groups * stage.blocks * stage.beats, bits, LEAST_ROM_BITS)
    if stage.unit in RESCALED and stage.unit is not Unit.ADD:
        bits = numbers.sum_bits - numbers.shift + numbers.multiplier_bits
        rows = len(numbers.multipliers)
        found["rescale"] = Memory(rows, bits, LEAST_RESCALE_ROWS * bits)
    if stage.unit is Unit.TABLE:
        found["table"] = Memory(256, 8, LEAST_ROM_BITS)
    if stage.unit is Unit.SOFTMAX:
        found["table"] = Memory(256, int(numbers.table.max()).bit_length(), LEAST_ROM_BITS)
    return found


def flow_cost(flow: Flow) -> Cost:
    """Return what all stages take, with the FIFOs between them."""
    queues = [Memory(size, 8) for _, _, size in flow.fifos]
    lut = PORTS_LOGIC + sum(queue.logic for queue in queues)
    return total(flow.stages) + Cost(block_ram=sum(queue.blocks for queue in queues), lut=lut)


def cost(stage: Stage) -> Cost:
    """Return what a stage takes. Multipliers and memory are exact; logic cells are fitted."""
    dsp = stage.fold.mults
    if stage.has_weights:
        dsp += stage.fold.pe * stage.fold.simd
    block_ram = sum(memory.blocks for memory in memories(stage).values())
    return Cost(dsp, block_ram, logic(stage))


def logic(stage: Stage) -> int:
    """Estimate logic cells: lookup tables of the sums, the rescaler, and counters."""
    numbers, fold = stage.numbers, stage.fold
    found = 120 + sum(memory.logic for memory in memories(stage).values())
    if stage.unit in WINDOWED:
        adders = fold.pe * (fold.simd - 1) * 18
        found += 400 + adders + fold.pe * 2 * numbers.acc_bits + 9 * stage.word_bytes
    if stage.unit in RESCALED:
        found += 2 * (numbers.sum_bits + numbers.multiplier_bits) + 150
    if stage.unit is Unit.RUNNING:
        found += 200
    if stage.unit is Unit.SOFTMAX:
        found += 370
    return found
