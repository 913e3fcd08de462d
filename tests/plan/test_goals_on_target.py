"""Plans of least RAM, run: as fast as the fastest, right, using all they reserve and no more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest

from codegen.emit import Golden, emit
from codegen.emit.folder import write_files
from codegen.ir.memory import FASTEST, RamGoal
from codegen.ir.program import Program
from codegen.ir.types import Array
from codegen.targets import load_target
from codegen.toolchain import TargetBuild, build_target
from codegen.toolchain.cost import Cost
from codegen.toolchain.drive import find_addresses, infer
from codegen.toolchain.emulate import EmulatedDevice
from codegen.toolchain.machine import load_machine
from codegen.toolchain.ports import join_batch, split_batch
from codegen.verify import Inputs, make_inputs, run_reference
from tests.ops.harness import program_of
from tests.plan.goals import CORE, GOALS, LEAST, Goal, cases, fixed_graph, planned, skip_if_absent
from tests.toolchain.toy_network import needs_target_tools

pytestmark = needs_target_tools

SLOWDOWN = 1.05
STACK_BYTES = 600
PAINTS = (0x55, 0xAA)
"""A byte that a run leaves as one of them was is not left as the other."""

each_network = pytest.mark.parametrize(
    "goal", cases(GOALS, tuple(goal for goal in GOALS if goal.name in ("vww", "ic", "kws")))
)


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """Inferences on the emulated core; `touched` tells of each byte of the arena, `cost` of one."""

    outputs: tuple[Array, ...]
    cost: Cost
    stack_bytes: int
    touched: Array


@cache
def compiled(goal: Goal, ram: RamGoal) -> tuple[Program, Mapping[str, str]]:
    """Return the program of a plan, checked on tokens, and its files."""
    solution = planned(goal, ram)
    families = load_target(CORE).kernels
    program = program_of(fixed_graph(goal), families, (solution.schedule, solution.plan))
    return program, emit((program,), (Golden((), ()),))


@cache
def run(goal: Goal, ram: RamGoal) -> Run:
    """Build and run a plan; one whose files are those of the least plan is that plan's run."""
    program, files = compiled(goal, ram)
    if ram != LEAST and files == compiled(goal, LEAST)[1]:
        return run(goal, LEAST)
    with TemporaryDirectory() as scratch:
        folder = Path(scratch)
        write_files(folder, files)
        build = build_target(folder, program.interface, load_target(CORE), folder)
        return run_painted(build, split_batch(program.interface, inputs_of(goal).arrays))


def inputs_of(goal: Goal) -> Inputs:
    """Return random bytes, and of networks that run fast the extremes too."""
    return make_inputs(fixed_graph(goal), (), 4 if goal.is_file else 1)


def run_painted(build: TargetBuild, batch: Sequence[Sequence[bytes]]) -> Run:
    """Run inputs on an arena of each paint; count one run, see that all else is as it was."""
    interface = build.interface
    machine = load_machine(build)
    device = EmulatedDevice(machine, interface)
    addresses = find_addresses(interface, device)
    touched = np.zeros(interface.arena_bytes, bool)
    outputs: dict[int, list[list[bytes]]] = {paint: [] for paint in PAINTS}
    stack_bytes = 0
    for paint, sample in product(PAINTS, batch):
        device.fill_arena()
        device.write(machine.arena, bytes([paint]) * interface.arena_bytes)
        outputs[paint].append(infer(interface, device, addresses, sample))
        assert device.is_intact()
        stack_bytes = max(stack_bytes, device.stack_bytes)
        arena = device.read(machine.arena, interface.arena_bytes)
        touched |= np.frombuffer(arena, np.uint8) != paint
    with device.counted(native=True) as counted:
        infer(interface, device, addresses, batch[0])
    first, second = outputs.values()
    assert first == second
    return Run(join_batch(interface, first), counted.cost(), stack_bytes, touched)


@each_network
def test_the_least_plan_is_hardly_slower_than_the_fastest(goal: Goal) -> None:
    skip_if_absent(goal)
    least, fastest = run(goal, LEAST), run(goal, FASTEST)
    assert least.cost.instructions <= SLOWDOWN * fastest.cost.instructions


@each_network
def test_both_plans_equal_the_reference(goal: Goal) -> None:
    skip_if_absent(goal)
    expected = run_reference(fixed_graph(goal), inputs_of(goal))
    assert any(len(np.unique(output)) > 1 for output in expected)
    for ram in (LEAST, FASTEST):
        for got, output in zip(run(goal, ram).outputs, expected, strict=True):
            np.testing.assert_array_equal(got, output)


@each_network
def test_the_arena_is_used_to_its_end_and_the_stack_hardly(goal: Goal) -> None:
    """The highest byte that a run touches is the arena's last, but for its alignment."""
    skip_if_absent(goal)
    for ram in (LEAST, FASTEST):
        interface = compiled(goal, ram)[0].interface
        found = run(goal, ram)
        high = int(np.flatnonzero(found.touched)[-1]) + 1
        assert interface.arena_bytes - interface.arena_align < high <= interface.arena_bytes
        assert interface.arena_bytes == planned(goal, ram).plan.size_bytes
        assert 0 < found.stack_bytes <= STACK_BYTES
