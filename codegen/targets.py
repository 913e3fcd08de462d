"""Target: what the generated C runs on; one TOML file each in targets/.

The fields of these classes are the keys of the files. To add a target, add a file; `--target` also
takes the path of one.
"""

from __future__ import annotations

import difflib
import math
import re
import tomllib
import types
import typing
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass, replace
from itertools import combinations
from pathlib import Path
from typing import Any

from codegen.errors import BadOption, BadTarget, Problem, UnknownName, UnreadableFile
from codegen.ir.engine import Shape
from codegen.options import c_identifier
from codegen.resources import folder

KINDS = ("core", "hls")
MEMORY_KINDS = ("flash", "ram")
ALL_MEMORIES = "all"
RISCV_BASE = "rv32i"
CODE_BYTES = 64 << 10
"""Left free for code in the memory it is linked to, unless the user says how much to take."""
PE_SIZES = (4, 8, 16, 32)
SIMD_SIZES = (4, 8, 16)
LANE_SIZES = (2, 4, 8)
RAM_SHAPE = re.compile(r"[1-9][0-9]*x[1-9][0-9]*")
SCALARS = {int: "an integer", float: "a number", str: "a string", bool: "true or false"}


@dataclass(frozen=True, slots=True)
class Memory:
    """One memory of the typical part. `kind` is "flash" or "ram".

    read_cycles, write_cycles: what a word of four bytes costs on average beyond the core's own
        cycles for the access.
    external: not on the chip; a board may have it.
    """

    name: str
    kind: str
    base: int
    size_bytes: int
    read_cycles: float = 0.0
    write_cycles: float = 0.0
    external: bool = False


@dataclass(frozen=True, slots=True)
class Cycles:
    """Cycles of each class of instruction, from memories without wait states.

    issue: instructions that may start together: 1, or 2 by the rules of Cortex-M7.
    load, store: a single one; `_pipelined`: right after another single load or store.
    load_use: added where the next instruction reads what a load has just written.
    multiple: LDM, STM, PUSH, POP, LDRD and STRD take this and 1 for each register, or for two
        where two instructions may start together.
    multiply: 32-bit results and accumulations; multiply_long: 64-bit results, or their upper half.
    divide: for typical operands.
    branch_taken: added whenever execution does not go on at the next instruction.
    vector: an instruction on vectors; vector_overlapped: an access to memory right after
        arithmetic, or the reverse.
    alu: everything else.
    """

    issue: int
    alu: int
    load: int
    load_pipelined: int
    load_use: int
    store: int
    store_pipelined: int
    multiple: int
    multiply: int
    multiply_long: int
    divide: int
    branch_taken: int
    vector: int = 1
    vector_overlapped: int = 1


@dataclass(frozen=True, slots=True)
class Emulator:
    """How unicorn emulates the core: names of its constants."""

    arch: str
    modes: tuple[str, ...]
    cpu: str


@dataclass(frozen=True, slots=True)
class Qemu:
    """A machine of qemu-system-arm with the core, and where its memories are."""

    machine: str
    flash_base: int
    flash_bytes: int
    ram_base: int
    ram_bytes: int


@dataclass(frozen=True, slots=True)
class Fpga:
    """What an FPGA has, and the engine that is built in it if nothing else is asked for.

    family, device, package, speed: as the tools name them. dsps: multipliers that may be used.
    block_ram_shapes: words x bits that a block may be used as. pe, simd, lanes: as in `Shape`.
    """

    family: str
    device: str
    package: str
    speed: str
    luts: int
    dsps: int
    block_rams: int
    block_ram_shapes: tuple[str, ...]
    pe: int
    simd: int
    lanes: int

    @property
    def engine(self) -> Shape:
        """The shape of the engine."""
        return Shape(self.pe, self.simd, self.lanes)

    @property
    def ram_shapes(self) -> tuple[tuple[int, int], ...]:
        """The words and the bits of a word that a block RAM may have."""
        pairs = (shape.partition("x") for shape in self.block_ram_shapes)
        return tuple((int(words), int(bits)) for words, _, bits in pairs)


@dataclass(frozen=True, slots=True)
class Target:
    """A core, the kernels to use on it, and a typical part.

    kind: "core", which compiled C runs on, or "hls": the C is made for high-level synthesis.
    kernels: families in order of preference; the last is "generic", but for "hls"; an FPGA has
        "rtl" alone.
    clock_hz, memories: those of `part`. None and () for the machine that runs codegen.
    isa: features of the instruction set; of RISC-V the base and the extensions.
    zig: arguments of `zig cc` that select the core; gcc: a GNU compiler and its arguments.
    """

    name: str
    description: str
    core: str
    part: str
    isa: tuple[str, ...]
    kernels: tuple[str, ...]
    clock_hz: int | None = None
    memories: tuple[Memory, ...] = ()
    zig: tuple[str, ...] = ()
    gcc: tuple[str, ...] = ()
    emulator: Emulator | None = None
    qemu: Qemu | None = None
    cycles: Cycles | None = None
    kind: str = "core"
    fpga: Fpga | None = None

    @property
    def engine(self) -> Shape | None:
        """The engine that networks become programs of; None where they become C."""
        return self.fpga.engine if self.fpga else None

    @property
    def is_host(self) -> bool:
        """The target is the machine that runs codegen."""
        return self.core == "host"

    @property
    def is_hls(self) -> bool:
        """The C is made for high-level synthesis; this machine runs it, and its top function."""
        return self.kind == "hls"

    @property
    def is_arm(self) -> bool:
        """The core runs Arm's Thumb instructions."""
        if self.emulator is None:
            return self.qemu is not None
        return self.emulator.arch == "UC_ARCH_ARM"

    @property
    def is_emulated(self) -> bool:
        """An emulator runs the core: unicorn, or else a machine of qemu-system-arm."""
        return self.emulator is not None or self.qemu is not None

    @property
    def zig_arguments(self) -> tuple[str, ...]:
        """Arguments of `zig cc`; of RISC-V with the extensions that `isa` lists."""
        if not self.zig or self.isa[:1] != (RISCV_BASE,):
            return self.zig
        return (*self.zig, "+".join(("-mcpu=generic_rv32", *self.isa[1:])))

    def memory(self, kind: str) -> Memory:
        """Return the first memory of a kind on the chip: where code is linked, or the arena."""
        return next(memory for memory in self.on_chip if memory.kind == kind)

    @property
    def on_chip(self) -> tuple[Memory, ...]:
        """The memories that every board with the part has."""
        return tuple(memory for memory in self.memories if not memory.external)

    def size_bytes(self, kind: str) -> int:
        """Return the sum of all memories of a kind on the chip."""
        return sum(memory.size_bytes for memory in self.on_chip if memory.kind == kind)


def list_targets() -> tuple[str, ...]:
    """Return the names of all targets that come with codegen, sorted."""
    return tuple(sorted(path.stem for path in folder("targets").glob("*.toml")))


def load_target(name: str | Path) -> Target:
    """Return the target of that name, or the one in a TOML file of the user's.

    Raises UnknownName, UnreadableFile, or BadTarget with all that is wrong in the file.
    """
    if isinstance(name, Path) or name.endswith(".toml"):
        return _read(Path(name))
    known = list_targets()
    if name not in known:
        near = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
        meant = f"did you mean {' or '.join(near)}? " if near else ""
        hint = f"{meant}targets: {', '.join(known)}; or the path of a .toml file"
        raise UnknownName(f"no target is named '{name}'", hint=hint)
    return _read(folder("targets") / f"{name}.toml")


def choose_memories(target: Target, chosen: Mapping[str, int | None]) -> tuple[Memory, ...]:
    """Return the memories named, in the target's order, with as many bytes as may be used.

    "all" stands for those on the chip. Without a number a memory may be used whole, but for room
    for code. Raises UnknownName, or BadOption where a memory has fewer bytes than asked for.
    """
    known = {memory.name: memory for memory in target.memories}
    unknown = [name for name in chosen if name not in (*known, ALL_MEMORIES)]
    if unknown:
        raise UnknownName(
            f"target '{target.name}' has no memory named {', '.join(unknown)}",
            hint=f"its memories: {', '.join(_labelled(target)) or 'none'}",
        )
    over = [m for m in target.memories if (chosen.get(m.name) or 0) > m.size_bytes]
    if over:
        raise BadOption.collect(
            Problem(f"memory '{m.name}' of {target.part} has {m.size_bytes:,} bytes, no more")
            for m in over
        )
    with_all = ALL_MEMORIES in chosen
    return tuple(
        replace(memory, size_bytes=chosen.get(memory.name) or _free_bytes(target, memory))
        for memory in target.memories
        if memory.name in chosen or (with_all and not memory.external)
    )


def _labelled(target: Target) -> Iterator[str]:
    for memory in target.memories:
        yield f"{memory.name} (not on the chip)" if memory.external else memory.name


def _free_bytes(target: Target, memory: Memory) -> int:
    holds_code = memory.kind == "flash" and memory == target.memory("flash")
    return max(memory.size_bytes - CODE_BYTES, 0) if holds_code else memory.size_bytes


def _read(path: Path) -> Target:
    problems: list[Problem] = []
    target = _make(Target, {"name": path.stem, **_parse(path)}, "", problems)
    if isinstance(target, Target):
        problems += _contradictions(target)
    if problems or not isinstance(target, Target):
        raise BadTarget.collect(Problem(p.message, p.where or str(path), p.hint) for p in problems)
    return target


def _parse(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UnreadableFile(f"cannot read the target: {error.strerror}", where=str(path)) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadTarget(f"not TOML: {error}", where=str(path)) from None


def _make(cls: type[Any], table: Mapping[str, Any], at: str, problems: list[Problem]) -> Any:
    """Return `cls` from a TOML table, or None after adding to `problems`."""
    hints = typing.get_type_hints(cls)
    before = len(problems)
    values: dict[str, Any] = {}
    for field in fields(cls):
        if field.name in table:
            key = at + field.name
            values[field.name] = _convert(hints[field.name], table[field.name], key, problems)
        elif field.default is MISSING:
            problems.append(Problem(f"'{at}{field.name}' is missing"))
    for key in table.keys() - hints.keys():
        near = difflib.get_close_matches(key, hints, n=1)
        hint = f"did you mean '{near[0]}'?" if near else f"keys: {', '.join(hints)}"
        problems.append(Problem(f"'{at}{key}' is not a key", hint=hint))
    return cls(**values) if len(problems) == before else None


def _convert(hint: Any, value: Any, key: str, problems: list[Problem]) -> Any:
    """Return `value` as the field's type, or None after adding to `problems`."""
    if isinstance(hint, types.UnionType):
        hint = typing.get_args(hint)[0]
    if typing.get_origin(hint) is tuple:
        if isinstance(value, list):
            item = typing.get_args(hint)[0]
            return tuple(_convert(item, v, f"{key}[{i}]", problems) for i, v in enumerate(value))
        expected = "a list"
    elif is_dataclass(hint):
        if isinstance(value, dict):
            return _make(typing.cast(type[Any], hint), value, f"{key}.", problems)
        expected = "a table"
    elif hint is float and type(value) in (int, float):
        return float(value)
    elif type(value) is hint:
        return value
    else:
        expected = SCALARS[hint]
    problems.append(Problem(f"'{key}' must be {expected}, not {value!r}"))
    return None


def _contradictions(target: Target) -> Iterator[Problem]:
    """Yield what types do not say."""
    if target.kind not in KINDS:
        yield Problem(f"'kind' must be {' or '.join(KINDS)}")
    if target.fpga is not None:
        yield from _fpga_contradictions(target, target.fpga)
    elif target.is_hls:
        if target.kernels != ("hls",):
            yield Problem("'kernels' must be [\"hls\"]: others are not synthesized")
    elif target.kernels[-1:] != ("generic",):
        yield Problem("the last of 'kernels' must be \"generic\": only it has every operator")
    yield from _memory_contradictions(target.memories)
    if target.clock_hz is not None and target.clock_hz <= 0:
        yield Problem("'clock_hz' must be positive")
    if target.cycles is not None and target.cycles.issue not in (1, 2):
        yield Problem("'cycles.issue' must be 1 or 2")
    if not target.is_host and (target.zig or target.gcc):
        for kind in MEMORY_KINDS:
            if not any(memory.kind == kind for memory in target.on_chip):
                yield Problem(f"a target to build for needs a memory of kind '{kind}' on the chip")


def _fpga_contradictions(target: Target, fpga: Fpga) -> Iterator[Problem]:
    if target.kernels != ("rtl",):
        yield Problem("'kernels' of an FPGA must be [\"rtl\"]")
    if target.zig or target.gcc or target.emulator or target.qemu or target.memories:
        yield Problem("an FPGA has no memories to link to, no compiler and no emulator")
    if not all(RAM_SHAPE.fullmatch(shape) for shape in fpga.block_ram_shapes):
        yield Problem("'fpga.block_ram_shapes' must be like \"512x36\": words, and bits of a word")
    if fpga.pe not in PE_SIZES or fpga.simd not in SIMD_SIZES or fpga.pe % fpga.simd:
        yield Problem(
            f"'fpga.pe' must be one of {PE_SIZES}, 'fpga.simd' of {SIMD_SIZES}, which divides it"
        )
    if fpga.lanes not in LANE_SIZES or fpga.lanes > fpga.simd:
        yield Problem(f"'fpga.lanes' must be one of {LANE_SIZES}, at most 'fpga.simd'")


def _memory_contradictions(memories: tuple[Memory, ...]) -> Iterator[Problem]:
    for memory in memories:
        name = f"memory '{memory.name}'"
        if memory.name != c_identifier(memory.name) or memory.name == ALL_MEMORIES:
            usable = c_identifier(memory.name)
            yield Problem(f"{name} cannot name a section in C", hint=f"for example '{usable}_0'")
        if memory.kind not in MEMORY_KINDS:
            yield Problem(f"the kind of {name} must be {' or '.join(MEMORY_KINDS)}")
        if memory.size_bytes <= 0 or memory.base < 0:
            yield Problem(f"{name} has no size, or a negative base")
        if not all(math.isfinite(c) and c >= 0 for c in (memory.read_cycles, memory.write_cycles)):
            yield Problem(f"the cycles of {name} must be finite, and not negative")
        if memory.kind == "flash" and memory.write_cycles:
            yield Problem(f"{name} is flash, which nothing writes: leave out 'write_cycles'")
    for one, other in combinations(memories, 2):
        if one.name == other.name:
            yield Problem(f"two memories are named '{one.name}'")
        elif one.base < other.base + other.size_bytes and other.base < one.base + one.size_bytes:
            yield Problem(f"the memories '{one.name}' and '{other.name}' overlap")
