"""Emulated runs: right bytes, exact counts, true stack depth, and nothing touched unseen."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from codegen.errors import BadTarget, VerificationFailed
from codegen.targets import Target, load_target
from codegen.toolchain import Cost, TargetBuild, build_target, emulate
from codegen.toolchain.machine import Machine, call, load_machine
from codegen.toolchain.tools import import_package
from tests.toolchain.toy_network import (
    Network,
    mutated,
    needs_target_tools,
    toy_inputs,
    toy_reference,
)

pytestmark = needs_target_tools

LINE = "    layer_001(arena);\n"


def test_results(toy_build: TargetBuild) -> None:
    inputs = toy_inputs(4)
    run = emulate(toy_build, [inputs])
    assert (run.outputs[0] == toy_reference(inputs)).all()
    assert run.cost is None
    assert 16 <= run.stack_bytes <= 96


def test_a_given_arena_keeps_what_it_holds(toy: Network, core: str, tmp_path: Path) -> None:
    """The first layer left out, the second reads what stood in the arena before."""
    late = mutated(toy, tmp_path, "    layer_000(arena);\n", "    (void)layer_000;\n")
    target = load_target(core)
    inputs = toy_inputs(1)
    arena = np.full(100, 7, np.uint8)
    emulate(build_target(toy.folder, toy.interface, target, tmp_path), [inputs], arena=arena)
    assert (arena[80:] == 7).all()
    assert (arena[:80] != 7).any()
    build = build_target(late.folder, late.interface, target, tmp_path)
    run = emulate(build, [toy_inputs(2)[1:]], arena=arena)
    np.testing.assert_array_equal(run.outputs[0], toy_reference(inputs))


def test_count_is_exact(toy_build: TargetBuild) -> None:
    """The block hook counts what a hook at each instruction counts."""
    run = emulate(toy_build, [toy_inputs(1)], count=True)
    assert run.cost is not None
    assert run.cost.instructions == _instructions_one_by_one(toy_build)
    assert run.cost.instructions < run.cost.cycles * 2 < run.cost.instructions * 6


def test_python_hook_gives_the_same(toy_build: TargetBuild) -> None:
    inputs = [toy_inputs(1)]
    python = emulate(toy_build, inputs, count=True, native=False)
    assert python.cost is not None
    assert python.cost == emulate(toy_build, inputs, count=True).cost


def test_cost_of_each_function(toy_build: TargetBuild) -> None:
    cost = emulate(toy_build, [toy_inputs(1)], count=True).cost
    assert cost is not None
    functions = {function.name: function for function in cost.functions}
    assert sum(function.instructions for function in cost.functions) == cost.instructions
    assert sum(function.cycles for function in cost.functions) == cost.cycles
    assert [layer.name for layer in cost.layers] == ["layer_000", "layer_001"]
    assert all(layer.calls == 1 for layer in cost.layers)
    inside = sum(layer.instructions for layer in cost.layers)
    assert functions["toy_invoke"].instructions + inside == cost.instructions
    callees = [f for name, f in functions.items() if name in ("dot", "__aeabi_lmul")]
    own = functions["layer_001"].instructions
    assert cost.layers[1].instructions == own + sum(f.instructions for f in callees)


def test_opcodes_and_loops_of_each_layer(toy_build: TargetBuild) -> None:
    """The second layer is eight dot products of 32 values, in loops of a shared function."""
    cost = emulate(toy_build, [toy_inputs(1)], count=True).cost
    assert cost is not None
    assert sum(opcode.executions for opcode in cost.opcodes) == cost.instructions
    for layer in cost.layers:
        assert sum(opcode.executions for opcode in layer.opcodes) == layer.instructions
    loop = cost.layers[1].loop
    assert loop is not None and loop.function == "dot"
    assert 0 < loop.start < loop.end
    assert loop.iterations >= 8 and 256 % loop.iterations == 0
    assert 0.8 * own_of(cost, "dot") < loop.instructions < own_of(cost, "dot")


def own_of(cost: Cost, function: str) -> int:
    return next(f.instructions for f in cost.functions if f.name == function)


def test_stack_depth_grows_by_what_is_used(toy: Network, core: str, tmp_path: Path) -> None:
    """A volatile array of 512 bytes that is written throughout deepens the stack by as much."""
    array = "    volatile int8_t row[512];\n    for (int32_t i = 0; i < 512; ++i) { row[i] = 1; }\n"
    bigger = mutated(toy, tmp_path, LINE, f"{array}{LINE}    (void)row[0];\n")
    inputs = [toy_inputs(1)]
    depths = []
    for network in (toy, bigger):
        build = build_target(network.folder, network.interface, load_target(core), tmp_path)
        depths.append(emulate(build, inputs).stack_bytes)
    assert 512 <= depths[1] - depths[0] <= 512 + 32


@pytest.mark.parametrize("core", ["cortex-m4", "rv32imc"])
@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("((volatile int8_t *)arena)[80] = 1;", "was stopped.*toy_invoke"),
        ("(void)((volatile int8_t *)arena)[80];", "was stopped.*toy_invoke"),
        ("((volatile int8_t *)arena)[-1] ^= 1;", "wrote outside the arena"),
        ("((volatile int8_t *)arena)[1 << 20] = 1;", "was stopped"),
        ("*(volatile int8_t *)toy_dense_weights = 1;", "was stopped"),
        ("volatile int8_t a[70000]; for (int32_t i = 0; i < 70000; ++i) { a[i] = 1; }", "stopped"),
        ("static volatile int32_t runs; ++runs;", "4 bytes of writable static data"),
    ],
)
def test_forbidden_access(
    toy: Network, tmp_path: Path, core: str, statement: str, message: str
) -> None:
    bad = mutated(toy, tmp_path, LINE, f"{LINE}    {statement}\n")
    build = build_target(bad.folder, bad.interface, load_target(core), tmp_path)
    with pytest.raises(VerificationFailed, match=f"(?s){message}"):
        emulate(build, [toy_inputs(1)])


def test_bad_emulator(toy: Network, tmp_path: Path) -> None:
    board = tmp_path / "board.toml"
    path = Path(__file__).parents[2] / "targets/cortex-m4.toml"
    text = path.read_text()
    board.write_text(text.replace("UC_CPU_ARM_CORTEX_M4", "UC_CPU_ARM_CORTEX_M99"))
    with pytest.raises(BadTarget, match="unicorn has no UC_CPU_ARM_CORTEX_M99"):
        emulate(_build(toy, load_target(board), tmp_path), [toy_inputs(1)])


def test_memories_that_overlap(toy: Network, tmp_path: Path) -> None:
    target = load_target("cortex-m4")
    same = tuple(replace(memory, base=0x2000_0000) for memory in target.memories)
    with pytest.raises(BadTarget, match="cannot be mapped"):
        emulate(_build(toy, replace(target, memories=same), tmp_path), [toy_inputs(1)])


def test_count_without_a_cost_table(toy: Network, tmp_path: Path) -> None:
    target = replace(load_target("cortex-m4"), cycles=None)
    build = _build(toy, target, tmp_path)
    assert emulate(build, [toy_inputs(1)]).cost is None
    with pytest.raises(BadTarget, match="no \\[cycles\\]"):
        emulate(build, [toy_inputs(1)], count=True)


def _build(network: Network, target: Target, out: Path) -> TargetBuild:
    return build_target(network.folder, network.interface, target, out)


def _instructions_one_by_one(build: TargetBuild) -> int:
    machine = load_machine(build)
    address = call(machine, "toy_input")
    machine.engine.mem_write(address, toy_inputs(1).tobytes())
    return _count(machine, import_package("unicorn"))


def _count(machine: Machine, unicorn: Any) -> int:
    seen = []
    machine.engine.hook_add(unicorn.UC_HOOK_CODE, lambda uc, at, size, data: seen.append(at))
    call(machine, "toy_invoke")
    return len(seen)
