"""Machine: a linked image in unicorn, with an arena and a stack, whose functions can be called.

Nothing is mapped but the image (read only), the arena, the stack, a return address, and what the
mode of transfer takes: inputs that the caller lends (read only), a function that takes rows. Every
other access stops the run. What is lent ends where its last page ends, and so does the arena, if
its alignment lets it. Each part of an arena in several memories is where its memory is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from codegen.errors import BadTarget, VerificationFailed
from codegen.ir.interface import Interface
from codegen.ir.types import Array
from codegen.targets import Target
from codegen.toolchain.cost import Image
from codegen.toolchain.cross import TargetBuild
from codegen.toolchain.elf import Function, Segment, read_facts, read_functions, read_segments
from codegen.toolchain.ports import guard
from codegen.toolchain.tools import import_package

PAGE = 4096
STACK_BYTES = 64 << 10
RETURN_ADDRESS = 0x1FFF_0000
"""A page of its own in the code region of Cortex-M, far from any memory of the targets."""
SINK_ADDRESS = RETURN_ADDRESS + 2 * PAGE
"""A page with a function that does nothing; it is watched for what it is given."""

RETURN = {True: bytes.fromhex("7047"), False: bytes.fromhex("8280")}
"""The instruction that returns: `bx lr` on Arm, `ret` on RISC-V."""


class EngineStopped(Exception):
    """What other engines raise where unicorn raises UcError."""


@dataclass(frozen=True, slots=True)
class Registers:
    """Unicorn's numbers of the registers a call uses; `thumb_bit` is set in code addresses."""

    arguments: tuple[int, ...]
    stack: int
    link: int
    program_counter: int
    thumb_bit: int


@dataclass(frozen=True, slots=True)
class Block:
    """The arena or a part of it: from `start`, in whole pages from `page` to `end`."""

    start: int
    size_bytes: int
    page: int
    end: int


@dataclass(frozen=True, slots=True)
class Machine:
    """A loaded image. `arena` is what functions are passed: where the arena is, or its struct.

    engine: unicorn's, or one with the methods that are called here. watch: has a function called
    with it when the code at an address runs. `lent` are the ends of the pages of inputs that the
    caller keeps.
    """

    engine: Any
    watch: Callable[[int, Callable[[Any], None]], object]
    image: Image
    registers: Registers
    arena: int
    blocks: tuple[Block, ...]
    stack: int
    lent: tuple[int, ...]


def load_machine(build: TargetBuild) -> Machine:
    """Map the image, the arena, the stack and the return address, with gaps between them.

    Raises MissingTool, BadTarget, or VerificationFailed for an image with writable data.
    """
    unicorn = import_package("unicorn")
    engine = _make_engine(unicorn, build.target)
    refuse_static_data(build)
    segments = read_segments(build.elf)
    known = {memory.name: memory.base for memory in build.target.memories}
    blocks, stack = place_blocks(build.interface, known, build.target.memory("ram").base)
    data = (*((block.page, block.end - block.page) for block in blocks), (stack, STACK_BYTES))
    struct = stack + STACK_BYTES + PAGE
    lent = lent_pages(build.interface, struct + 2 * PAGE)
    try:
        _map(unicorn, engine, segments, data, ((struct, PAGE), *lent))
        pointers = b"".join(block.start.to_bytes(4, "little") for block in blocks)
        engine.mem_write(struct, pointers)
        engine.mem_write(SINK_ADDRESS, RETURN[build.target.is_arm])
    except unicorn.UcError as error:
        raise BadTarget(
            f"the memories of target '{build.target.name}' cannot be mapped: {error}",
            hint="bases are multiples of 4096; flash and ram lie apart from each other",
        ) from None
    code = next(segment for segment in segments if segment.executable)
    return Machine(
        engine=engine,
        watch=partial(_watch, unicorn, engine),
        image=Image(code, read_functions(build.elf), build.target),
        registers=_registers(unicorn, build.target),
        arena=struct if build.interface.arenas else blocks[0].start,
        blocks=blocks,
        stack=stack,
        lent=tuple(start + size for start, size in lent),
    )


def _watch(unicorn: Any, engine: Any, address: int, act: Callable[[Any], None]) -> None:
    def hook(engine: Any, address: int, size: int, data: object) -> None:
        act(engine)

    engine.hook_add(unicorn.UC_HOOK_CODE, hook, begin=address, end=address + 1)


def refuse_static_data(build: TargetBuild) -> None:
    """Raise VerificationFailed for an image with writable data."""
    if ram := read_facts(build).ram_bytes:
        raise VerificationFailed(
            f"the C has {ram} bytes of writable static data: all state belongs in the arena"
        )


def call(machine: Machine, function: str, *arguments: int) -> int:
    """Call a function with the arena and further arguments, on a freshly painted stack.

    Returns what it returns; raises VerificationFailed where it touches what it must not.
    """
    engine, registers = machine.engine, machine.registers
    entry = next(f.start for f in machine.image.functions if f.name == function)
    engine.mem_write(machine.stack, guard(STACK_BYTES).tobytes())
    beyond = 4 * max(0, 1 + len(arguments) - len(registers.arguments))
    top = (machine.stack + STACK_BYTES - beyond) // 16 * 16
    for register, value in zip(registers.arguments, (machine.arena, *arguments), strict=False):
        engine.reg_write(register, value)
    for index, value in enumerate((machine.arena, *arguments)[len(registers.arguments) :]):
        engine.mem_write(top + 4 * index, value.to_bytes(4, "little"))
    engine.reg_write(registers.stack, top)
    engine.reg_write(registers.link, RETURN_ADDRESS | registers.thumb_bit)
    try:
        engine.emu_start(entry | registers.thumb_bit, RETURN_ADDRESS)
    except (import_package("unicorn").UcError, EngineStopped) as error:
        place = _place(engine.reg_read(registers.program_counter), machine.image.functions)
        target = machine.image.target.name
        raise VerificationFailed(
            f"{function} was stopped on the emulated {target}: {error}",
            where=place,
            hint="it reached beyond its arena, its stack or its constants",
        ) from None
    return int(engine.reg_read(registers.arguments[0]))


def watch_sink(machine: Machine, row_bytes: int, rows: list[tuple[int, bytes]]) -> None:
    """Append number and bytes of each row that the function at SINK_ADDRESS is given."""
    registers = machine.registers

    def take_row(engine: Any) -> None:
        row, at = (engine.reg_read(register) for register in registers.arguments[1:3])
        rows.append((int(row), bytes(engine.mem_read(at, row_bytes))))

    machine.watch(SINK_ADDRESS, take_row)


def arena_content(machine: Machine) -> tuple[Array, ...]:
    """Return junk for the pages of each block: the block, and what is left of its first page."""
    return tuple(guard(block.end - block.page) for block in machine.blocks)


def fill_arena(machine: Machine, content: Sequence[Array]) -> None:
    """Write `arena_content` to the arena's pages."""
    for block, junk in zip(machine.blocks, content, strict=True):
        machine.engine.mem_write(block.page, junk.tobytes())


def guards_intact(machine: Machine, content: Sequence[Array]) -> bool:
    """Only the arena has changed since `fill_arena`."""
    return all(
        _is_intact(machine, block, junk)
        for block, junk in zip(machine.blocks, content, strict=True)
    )


def _is_intact(machine: Machine, block: Block, junk: Array) -> bool:
    size, start = block.end - block.page, block.start - block.page
    same = np.frombuffer(machine.engine.mem_read(block.page, size), np.uint8) == junk
    return bool(same[:start].all() and same[start + block.size_bytes :].all())


def stack_depth(machine: Machine) -> int:
    """Return the bytes from the top of the stack to the deepest one written since the call."""
    found = np.frombuffer(machine.engine.mem_read(machine.stack, STACK_BYTES), np.uint8)
    changed = np.flatnonzero(found != guard(STACK_BYTES))
    return STACK_BYTES - int(changed[0]) if changed.size else 0


def _map(
    unicorn: Any,
    engine: Any,
    segments: Sequence[Segment],
    data: Iterable[tuple[int, int]],
    lent: Iterable[tuple[int, int]],
) -> None:
    """Map segments for execution, ranges of data for writing, and what is lent for reading."""
    code_rights = unicorn.UC_PROT_READ | unicorn.UC_PROT_EXEC
    for page in (*_pages(segments), RETURN_ADDRESS, SINK_ADDRESS):
        engine.mem_map(page, PAGE, code_rights)
    for segment in segments:
        engine.mem_write(segment.address, segment.data)
    for start, size in data:
        engine.mem_map(start, size, unicorn.UC_PROT_READ | unicorn.UC_PROT_WRITE)
    for start, size in lent:
        engine.mem_map(start, size, unicorn.UC_PROT_READ)


def place_blocks(
    interface: Interface, known: Mapping[str, int], ram: int
) -> tuple[tuple[Block, ...], int]:
    """Return the blocks of the arena and where the stack is, with gaps between them.

    `known` are the bases of memories; a block whose memory is none of them is in `ram`, where the
    stack is too.
    """
    free: dict[int, int] = {}
    found = []
    for arena in interface.blocks:
        base = known.get(arena.memory, ram)
        page = free.get(base, base)
        end = page + (-(-(arena.size_bytes + arena.align) // PAGE)) * PAGE
        start = (end - arena.size_bytes) // arena.align * arena.align
        found.append(Block(start, arena.size_bytes, page, end))
        free[base] = end + PAGE
    return tuple(found), free.get(ram, ram)


def lent_pages(interface: Interface, start: int) -> tuple[tuple[int, int], ...]:
    """Return start and size of the pages of each input that the caller keeps, with gaps between."""
    sizes = {
        "arena": [],
        "const": [port.size_bytes for port in interface.inputs],
        "rows": [interface.inputs[0].type.row_bytes],
    }[interface.transfer.inputs]
    found = []
    for size in sizes:
        found.append((start, -(-size // PAGE) * PAGE))
        start += found[-1][1] + PAGE
    return tuple(found)


def _make_engine(unicorn: Any, target: Target) -> Any:
    emulator = target.emulator
    if emulator is None:
        raise BadTarget(f"target '{target.name}' has no [emulator]", hint="see targets/")
    known = {**vars(unicorn), **vars(unicorn.arm_const), **vars(unicorn.riscv_const)}
    unknown = [n for n in (emulator.arch, *emulator.modes, emulator.cpu) if n not in known]
    if unknown:
        raise BadTarget(f"unicorn has no {', '.join(unknown)}", where=f"target '{target.name}'")
    mode = 0
    for name in emulator.modes:
        mode |= known[name]
    return unicorn.Uc(known[emulator.arch], mode, known[emulator.cpu])


def _registers(unicorn: Any, target: Target) -> Registers:
    if target.is_arm:
        arm = unicorn.arm_const
        return Registers(
            tuple(arm.UC_ARM_REG_R0 + i for i in range(4)),
            arm.UC_ARM_REG_SP,
            arm.UC_ARM_REG_LR,
            arm.UC_ARM_REG_PC,
            1,
        )
    riscv = unicorn.riscv_const
    return Registers(
        tuple(riscv.UC_RISCV_REG_A0 + i for i in range(8)),
        riscv.UC_RISCV_REG_SP,
        riscv.UC_RISCV_REG_RA,
        riscv.UC_RISCV_REG_PC,
        0,
    )


def _pages(segments: Iterable[Segment]) -> tuple[int, ...]:
    """Return the pages that segments touch; two may share one."""
    found = set()
    for segment in segments:
        found |= set(range(segment.address // PAGE * PAGE, segment.end, PAGE))
    return tuple(sorted(found))


def _place(address: int, functions: tuple[Function, ...]) -> str:
    inside = [f for f in functions if f.start <= address < f.end]
    name = f"{inside[0].name}+0x{address - inside[0].start:x}" if inside else "outside of the code"
    return f"0x{address:08x} ({name})"
