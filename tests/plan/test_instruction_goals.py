"""How many instructions cores without SIMD take for a multiply-accumulate, everything included."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from codegen.emit import Golden, emit
from codegen.emit.folder import write_files
from codegen.ir.memory import FASTEST
from codegen.plan.solve import solve
from codegen.schedule.assign import assign_kernels
from codegen.targets import load_target
from codegen.toolchain.cross import CrossCompiler, build_target
from codegen.toolchain.emulate import emulate
from codegen.tune import make_choice
from codegen.verify import make_inputs
from tests.ops.harness import program_of
from tests.plan.goals import FILES, fixed_graph, skip_if_absent
from tests.toolchain.toy_network import needs_target_tools

pytestmark = needs_target_tools

(RESNET8,) = (goal for goal in FILES if goal.name == "ic")


@pytest.mark.parametrize(
    ("core", "compiler", "most"),
    [
        ("cortex-m0plus", "zig", 3.6),
        pytest.param("cortex-m0plus", "gcc", 3.6, marks=pytest.mark.slow),
        pytest.param("cortex-m3", "zig", 2.4, marks=pytest.mark.slow),
        pytest.param("cortex-m3", "gcc", 2.4, marks=pytest.mark.slow),
        pytest.param("rv32imc", "zig", 3.0, marks=pytest.mark.slow),
    ],
)
def test_instructions_for_a_multiply_accumulate(
    core: str, compiler: CrossCompiler, most: float, tmp_path: Path
) -> None:
    skip_if_absent(RESNET8)
    target = load_target(core)
    if compiler == "gcc" and shutil.which(target.gcc[0]) is None:
        pytest.skip(f"{target.gcc[0]} is not installed")
    graph = fixed_graph(RESNET8)
    choice = make_choice(target, "balanced", tune=False)
    solution = solve(assign_kernels(graph, target.kernels, choice=choice), FASTEST)
    program = program_of(graph, target.kernels, (solution.schedule, solution.plan))
    write_files(tmp_path, emit((program,), (Golden((), ()),)))
    build = build_target(tmp_path, program.interface, target, tmp_path, compiler)
    run = emulate(build, make_inputs(graph, (), 1).arrays, count=True)
    assert run.cost is not None
    assert run.cost.instructions <= most * program.macs
