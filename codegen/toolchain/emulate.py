"""The image of a target in unicorn: outputs, stack depth, exact instruction counts, no board."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from codegen.errors import BadTarget, VerificationFailed
from codegen.ir.types import Array
from codegen.toolchain.counting import Cost, counting
from codegen.toolchain.cross import TargetBuild
from codegen.toolchain.machine import (
    Machine,
    arena_content,
    call,
    fill_arena,
    guards_intact,
    load_machine,
    read_arena,
    stack_depth,
    write_arena,
)
from codegen.toolchain.ports import function_names, join_batch, split_batch


@dataclass(frozen=True, slots=True)
class EmulatedRun:
    """Results of a batch: arrays (N, *shape), one an output.

    stack_bytes: the deepest of all samples. cost: of NAME_invoke on the first, if asked for.
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
    """Run NAME_invoke on each sample; (N, *shape) int8 arrays, one an input.

    count: measure the first sample too, with the compiled hook unless `native` is False. arena: as
    `run_host` takes it. Raises VerificationFailed where the C touches what it must not,
    MissingTool, or BadTarget.
    """
    if count and build.target.cycles is None:
        raise BadTarget(f"target '{build.target.name}' has no [cycles] to count with")
    interface = build.interface
    names = function_names(interface)
    batch = split_batch(interface, inputs)
    machine = load_machine(build)
    writes = [call(machine, name) for name in names.inputs]
    reads = [call(machine, name) for name in names.outputs]
    sizes = [port.size_bytes for port in interface.outputs]
    content = arena_content(machine)
    outputs, depth, cost = [], 0, None
    for index, sample in enumerate(batch):
        fill_arena(machine, content)
        if arena is not None:
            write_arena(machine, arena[: interface.arena_bytes])
        for address, data in zip(writes, sample, strict=True):
            machine.engine.mem_write(address, data)
        if count and index == 0:
            cost = _counted(machine, names.invoke, native)
        else:
            call(machine, names.invoke)
        if not guards_intact(machine, content, interface.arena_bytes):
            message = f"{names.invoke} wrote outside the arena on the emulated {build.target.name}"
            raise VerificationFailed(message, where=f"sample {index}")
        if arena is not None:
            arena[: interface.arena_bytes] = read_arena(machine, interface.arena_bytes)
        depth = max(depth, stack_depth(machine))
        found = zip(reads, sizes, strict=True)
        outputs.append([bytes(machine.engine.mem_read(at, size)) for at, size in found])
    return EmulatedRun(join_batch(interface, outputs), depth, cost)


def _counted(machine: Machine, function: str, native: bool) -> Cost:
    with counting(machine.engine, machine.image, native=native) as read_cost:
        call(machine, function)
        return read_cost()
