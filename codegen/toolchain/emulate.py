"""The image of a target in an emulator: outputs, stack depth, exact counts of instructions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from codegen.errors import BadTarget, VerificationFailed
from codegen.ir.interface import Interface
from codegen.ir.types import Array
from codegen.toolchain.board import Board, counting_blocks, running_board
from codegen.toolchain.cost import Cost
from codegen.toolchain.counting import Counting, counting
from codegen.toolchain.cross import TargetBuild
from codegen.toolchain.drive import find_addresses, infer
from codegen.toolchain.machine import (
    SINK_ADDRESS,
    Machine,
    arena_content,
    call,
    fill_arena,
    guards_intact,
    load_machine,
    stack_depth,
    watch_sink,
)
from codegen.toolchain.ports import function_names, join_batch, split_batch


@dataclass(frozen=True, slots=True)
class EmulatedRun:
    """Results of a batch: arrays (N, *shape), one an output.

    stack_bytes: the deepest of all samples. cost: of one inference on the first, if asked for.
    """

    outputs: tuple[Array, ...]
    stack_bytes: int
    cost: Cost | None


def emulate(
    build: TargetBuild,
    inputs: Sequence[Array],
    *,
    count: bool = False,
    native: bool = True,
    arena: Array | None = None,
) -> EmulatedRun:
    """Run the network on each sample; (N, *shape) arrays, one an input.

    count: measure the first sample too, with the compiled hook unless `native` is False. arena: as
    `run_host` takes it. Raises VerificationFailed where the C touches what it must not,
    MissingTool, or BadTarget.
    """
    if count and build.target.cycles is None:
        raise BadTarget(f"target '{build.target.name}' has no [cycles] to count with")
    interface = build.interface
    batch = split_batch(interface, inputs)
    outputs, depth, cost = [], 0, None
    with running_machine(build, count=count) as machine:
        device = EmulatedDevice(machine, interface)
        addresses = find_addresses(interface, device)
        for index, sample in enumerate(batch):
            device.fill_arena()
            if count and index == 0:
                with device.counted(native) as counted:
                    outputs.append(infer(interface, device, addresses, sample, arena))
                cost = counted.cost()
            else:
                outputs.append(infer(interface, device, addresses, sample, arena))
            if not device.is_intact():
                names = function_names(interface)
                function = names.push_row or names.start
                message = f"{function} wrote outside the arena on the emulated {build.target.name}"
                raise VerificationFailed(message, where=f"sample {index}")
            depth = max(depth, device.stack_bytes)
    return EmulatedRun(join_batch(interface, outputs), depth, cost)


@contextmanager
def running_machine(build: TargetBuild, *, count: bool) -> Iterator[Machine]:
    """Load a linked image into unicorn, or into QEMU where that has no such core."""
    if build.target.emulator is None and build.target.qemu is not None:
        with running_board(build, count=count) as machine:
            yield machine
    else:
        yield load_machine(build)


class EmulatedDevice:
    """An emulated target. `stack_bytes`: the deepest of all calls since the arena was filled."""

    def __init__(self, machine: Machine, interface: Interface) -> None:
        self.rows: list[tuple[int, bytes]] = []
        self.stack_bytes = 0
        self._machine = machine
        self._content = arena_content(machine)
        self._after_call: Callable[[], object] = lambda: None
        watch_sink(machine, interface.outputs[0].type.row_bytes, self.rows)

    @property
    def arena(self) -> int:
        return self._machine.arena

    @property
    def sink(self) -> int:
        return SINK_ADDRESS | self._machine.registers.thumb_bit

    def call(self, function: str, *arguments: int) -> int:
        """Call a function with the arena and further arguments."""
        found = call(self._machine, function, *arguments)
        self.stack_bytes = max(self.stack_bytes, stack_depth(self._machine))
        self._after_call()
        return found

    def write(self, address: int, data: bytes) -> None:
        self._machine.engine.mem_write(address, data)

    def read(self, address: int, size: int) -> bytes:
        return bytes(self._machine.engine.mem_read(address, size))

    def lend(self, index: int, data: bytes) -> int:
        """Put data at the end of pages that the network may only read."""
        address = self._machine.lent[index] - len(data)
        self._machine.engine.mem_write(address, data)
        return address

    def fill_arena(self) -> None:
        """Put junk into the arena."""
        fill_arena(self._machine, self._content)
        self.stack_bytes = 0

    def is_intact(self) -> bool:
        """Nothing but the arena has changed since it was filled."""
        return guards_intact(self._machine, self._content)

    @contextmanager
    def counted(self, native: bool) -> Iterator[Counting]:
        """Count all calls inside the block."""
        engine, image = self._machine.engine, self._machine.image
        on_board = isinstance(engine, Board)
        counted = (
            counting_blocks(engine, image) if on_board else counting(engine, image, native=native)
        )
        with counted as count:
            self._after_call = count.end_call
            try:
                yield count
            finally:
                self._after_call = lambda: None
