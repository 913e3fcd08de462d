"""The model of accesses against those that an emulated run makes."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from codegen.ir.graph import Graph
from codegen.ops import AveragePool, Conv2d, Dense, Reshape
from codegen.plan import make_plan
from codegen.plan.accesses import CALLER, Access, arena_accesses, constant_accesses, lost_cycles
from codegen.plan.solve import schedule_and_plan
from codegen.schedule import make_schedule
from codegen.targets import Memory, load_target
from codegen.toolchain import build_target
from codegen.toolchain.elf import read_section
from codegen.toolchain.machine import arena_content, call, fill_arena, load_machine
from codegen.toolchain.tools import import_package
from tests.emit.network import Builder
from tests.ops.harness import GENERIC, int8, samples, write_c
from tests.toolchain.toy_network import needs_target_tools


def small_network() -> Graph:
    """A convolution, a depthwise and a pointwise one, an average and a dense layer."""
    b = Builder(int8((12, 12, 3)))
    b.add(Conv2d((1, 1), (1, 1, 1, 1)), ("x",), "a", weights=(16, 3, 3, 3))
    b.add(Conv2d((2, 2), (1, 1, 1, 1), group=16), ("a",), "b", weights=(16, 3, 3, 1))
    b.add(Conv2d(), ("b",), "c", weights=(24, 1, 1, 16))
    b.add(AveragePool((6, 6)), ("c",), "d")
    b.add(Reshape((24,)), ("d",), "e")
    b.add(Dense(), ("e",), "y", weights=(10, 24))
    return b.graph("y")


@needs_target_tools
@pytest.mark.parametrize("core", ["cortex-m4", "cortex-m3"])
def test_the_model_is_near_what_runs(core: str, tmp_path: Path) -> None:
    target, graph = load_target(core), small_network()
    schedule, plan = schedule_and_plan(graph, target.kernels)
    inputs = samples(graph, np.random.default_rng(0))
    program = write_c(graph, target.kernels, tmp_path, inputs, (schedule, plan))
    build = build_target(tmp_path, program.interface, target, tmp_path)
    machine, weights = load_machine(build), read_section(build.elf, ".weights")
    (block,) = machine.blocks
    found: Counter[str] = Counter()

    def count(engine: object, access: int, address: int, size: int, *rest: object) -> None:
        written = access == unicorn.UC_MEM_WRITE
        if block.page <= address < block.end:
            found["written" if written else "read"] += size
        elif weights[0] <= address < weights[1]:
            found["constants"] += size

    unicorn = import_package("unicorn")
    fill_arena(machine, arena_content(machine))
    machine.engine.hook_add(unicorn.UC_HOOK_MEM_READ | unicorn.UC_HOOK_MEM_WRITE, count)
    call(machine, "net_invoke")

    arena = [access for access in arena_accesses(schedule) if access.step != CALLER]
    constants = constant_accesses(schedule, program)
    expected = {
        "read": sum(access.read_bytes for access in arena),
        "written": sum(access.written_bytes for access in arena),
        "constants": sum(access.read_bytes for access in constants),
    }
    for kind, modelled in expected.items():
        assert 0.6 < modelled / found[kind] < 1.4, (kind, modelled, found[kind])


def test_accesses_of_a_pointwise_layer() -> None:
    b = Builder(int8((4, 6, 8)))
    b.add(Conv2d(), ("x",), "y", weights=(10, 1, 1, 8))
    schedule = make_schedule(b.graph("y"), GENERIC)
    found = arena_accesses(schedule)
    assert set(make_plan(schedule).offsets) == {access.name for access in found}
    assert found == (
        Access(CALLER, "x", 0, 192),
        Access(CALLER, "y", 240),
        Access(0, "x", 192 * 5),
        Access(0, "y", 0, 240),
    )


def test_lost_cycles() -> None:
    slow = Memory("slow", "ram", 0, 64, read_cycles=3.0, write_cycles=1.0)
    accesses = (Access(CALLER, "x", 0, 8), Access(0, "x", 16, 4), Access(1, "y", 400))
    assert lost_cycles(accesses, {"x": slow}, steps=2) == ((13.0, 0.0), 2.0)
