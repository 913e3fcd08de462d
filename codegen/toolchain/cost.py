"""Cost of a run, from how often each block of code was executed: in all, by function, by layer.

Where the executions come from does not matter; counting.py has them from unicorn.
"""

from __future__ import annotations

import bisect
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from codegen.targets import Target
from codegen.toolchain.cycles import instruction_cycles
from codegen.toolchain.elf import Function, Segment
from codegen.toolchain.instructions import Instruction, decode, make_disassembler
from codegen.toolchain.kinds import Kind

LAYER = re.compile(r"(?:\w+_)?layer_\d+")
"""The name of a function that runs a layer, whole or a row of it."""
OUTSIDE = ""
"""The name of what is executed outside of all layers."""


@dataclass(frozen=True)
class Image:
    """The code that runs, and its functions by address."""

    code: Segment
    functions: tuple[Function, ...]
    target: Target

    @cached_property
    def starts(self) -> tuple[int, ...]:
        """The first address of each function."""
        return tuple(function.start for function in self.functions)

    def function_at(self, address: int) -> int | None:
        """Return the index of the function that an address lies in, or after."""
        found = bisect.bisect_right(self.starts, address) - 1
        return found if found >= 0 else None


@dataclass(frozen=True, slots=True)
class Executed:
    """A block, a straight run of code, and how often it was executed within one layer.

    A block ends where unicorn or QEMU end it: at a branch, and sometimes before. Two may overlap.
    `jumps`: how many of the executions did not follow that of the instruction before it.
    """

    layer: str
    address: int
    size: int
    executions: int
    jumps: int


@dataclass(frozen=True, slots=True)
class Opcode:
    """How often one instruction was executed, in all places."""

    mnemonic: str
    kind: Kind
    executions: int


@dataclass(frozen=True, slots=True)
class Loop:
    """What a loop took, without loops inside it and functions that it called.

    `start` and `end` are bytes from the first of the function.
    """

    function: str
    start: int
    end: int
    iterations: int
    instructions: int
    cycles: int


@dataclass(frozen=True, slots=True)
class FunctionCost:
    """What all calls of one function took, without what it called."""

    name: str
    instructions: int
    cycles: int


@dataclass(frozen=True, slots=True)
class LayerCost:
    """What all calls of a layer's function took, all that it called included.

    `loop`: the one with most instructions; None where there is none.
    """

    name: str
    calls: int
    instructions: int
    cycles: int
    opcodes: tuple[Opcode, ...]
    loop: Loop | None


@dataclass(frozen=True, slots=True)
class Cost:
    """What one run took. Instructions are exact; cycles are an estimate from the cost table.

    Layers are in order, functions and opcodes from the most executed down.
    """

    instructions: int
    cycles: int
    functions: tuple[FunctionCost, ...]
    layers: tuple[LayerCost, ...]
    opcodes: tuple[Opcode, ...]


@dataclass(slots=True)
class _Counts:
    """Executions and cycles of each instruction, by its address."""

    executions: Counter[int] = field(default_factory=Counter)
    cycles: Counter[int] = field(default_factory=Counter)


def make_cost(image: Image, executed: Iterable[Executed], calls: Mapping[str, int]) -> Cost:
    """Return the cost of a run from its blocks. `calls`: of each layer's function, by its name."""
    found = tuple(executed)
    code = _Code(image, found)
    by_layer: defaultdict[str, _Counts] = defaultdict(_Counts)
    whole = _Counts()
    for block in found:
        code.add(block, by_layer[block.layer])
    for counts in by_layer.values():
        whole.executions.update(counts.executions)
        whole.cycles.update(counts.cycles)
    loops = code.loops()
    layers = {name: counts for name, counts in by_layer.items() if name != OUTSIDE}
    return Cost(
        instructions=whole.executions.total(),
        cycles=whole.cycles.total(),
        functions=code.functions(whole),
        layers=tuple(
            LayerCost(
                name=name,
                calls=calls[name],
                instructions=counts.executions.total(),
                cycles=counts.cycles.total(),
                opcodes=code.opcodes(counts),
                loop=code.dominant(counts, loops),
            )
            for name, counts in sorted(layers.items(), key=lambda item: layer_index(item[0]))
        ),
        opcodes=code.opcodes(whole),
    )


def layer_of(function: str) -> str:
    """Return the layer that a function runs, or a part that the compiler made of it.

    >>> layer_of("layer_003"), layer_of("kws_layer_003.part.0"), layer_of("conv_row")
    ('layer_003', 'kws_layer_003', '')
    """
    name = function.partition(".")[0]
    return name if LAYER.fullmatch(name) else OUTSIDE


def layer_index(layer: str) -> int:
    """Return the place of a layer in the schedule.

    >>> layer_index("kws_layer_003")
    3
    """
    return int(layer.rpartition("_")[2])


class _Code:
    """The instructions that were executed, each decoded once."""

    def __init__(self, image: Image, executed: Sequence[Executed]) -> None:
        self._image = image
        self._blocks = _decode(image, {(block.address, block.size) for block in executed})
        found = {i.address: i for block in self._blocks.values() for i in block}
        self._at = {address: found[address] for address in sorted(found)}
        self._ending = {instruction.end: instruction for instruction in found.values()}

    def add(self, block: Executed, counts: _Counts) -> None:
        """Add the executions of a block.

        Where it was not jumped to, its first instruction follows the one before it.
        """
        table = self._image.target.cycles
        assert table is not None, "a target without a cost table"
        instructions = self._blocks[block.address, block.size]
        after_jump = instruction_cycles(instructions, None, table)
        falling = instruction_cycles(instructions, self._ending.get(block.address), table)
        rest = block.executions - block.jumps
        for instruction, jumped, fell in zip(instructions, after_jump, falling, strict=True):
            counts.executions[instruction.address] += block.executions
            counts.cycles[instruction.address] += block.jumps * jumped + rest * fell
        counts.cycles[block.address] += block.jumps * table.branch_taken

    def opcodes(self, counts: _Counts) -> tuple[Opcode, ...]:
        found: Counter[tuple[str, Kind]] = Counter()
        for address, executions in counts.executions.items():
            instruction = self._at[address]
            found[instruction.mnemonic, instruction.kind] += executions
        return tuple(
            Opcode(*key, count) for key, count in sorted(found.items(), key=lambda item: -item[1])
        )

    def functions(self, counts: _Counts) -> tuple[FunctionCost, ...]:
        executions: Counter[int | None] = Counter()
        cycles: Counter[int | None] = Counter()
        for address in counts.executions:
            index = self._image.function_at(address)
            executions[index] += counts.executions[address]
            cycles[index] += counts.cycles[address]
        return tuple(
            FunctionCost(self._image.functions[index].name, count, cycles[index])
            for index, count in executions.most_common()
            if index is not None
        )

    def loops(self) -> Mapping[int, tuple[int, int]]:
        """Return for each instruction in a loop the innermost one: its first address, its end.

        A loop reaches from where a branch goes back to, to the last that goes there.
        """
        ends: dict[int, int] = {}
        for branch in self._at.values():
            head = branch.target
            if head is None or head > branch.address or head not in self._at:
                continue
            if self._image.function_at(head) == self._image.function_at(branch.address):
                ends[head] = max(ends.get(head, 0), branch.end)
        addresses = tuple(self._at)
        inner: dict[int, tuple[int, int]] = {}
        for head, end in sorted(ends.items(), key=lambda item: item[0] - item[1]):
            first, last = (bisect.bisect_left(addresses, address) for address in (head, end))
            inner.update(dict.fromkeys(addresses[first:last], (head, end)))
        return inner

    def dominant(self, counts: _Counts, loops: Mapping[int, tuple[int, int]]) -> Loop | None:
        instructions: Counter[tuple[int, int]] = Counter()
        cycles: Counter[tuple[int, int]] = Counter()
        for address, loop in loops.items():
            instructions[loop] += counts.executions[address]
            cycles[loop] += counts.cycles[address]
        ((head, end), most), *_ = instructions.most_common(1) or [((0, 0), 0)]
        index = self._image.function_at(head)
        if not most or index is None:
            return None
        function = self._image.functions[index]
        return Loop(
            function=function.name,
            start=head - function.start,
            end=end - function.start,
            iterations=counts.executions[head],
            instructions=most,
            cycles=cycles[head, end],
        )


def _decode(
    image: Image, blocks: Iterable[tuple[int, int]]
) -> dict[tuple[int, int], tuple[Instruction, ...]]:
    disassembler = make_disassembler(image.target)
    code = image.code
    return {
        (address, size): decode(
            code.data[address - code.address : address - code.address + size],
            address,
            image.target,
            disassembler,
        )
        for address, size in blocks
    }
