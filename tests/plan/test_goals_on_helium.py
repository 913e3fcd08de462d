"""Instructions of whole networks on a Cortex-M55, counted in QEMU."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from codegen.emit import Golden, emit
from codegen.emit.folder import write_files
from codegen.ir.evaluate import evaluate
from codegen.ir.interface import BY_ARENA
from codegen.ir.memory import RamGoal
from codegen.plan.solve import solve
from codegen.schedule.assign import assign_kernels
from codegen.targets import load_target
from codegen.toolchain import CrossCompiler, build_target, emulate
from codegen.verify import make_inputs
from tests.ops.harness import program_of
from tests.plan.goals import Goal, fixed_graph, skip_if_absent
from tests.toolchain.toy_network import needs_target_tools

absent = [name for name in ("qemu-system-arm", "arm-none-eabi-gcc") if shutil.which(name) is None]
pytestmark = [
    needs_target_tools,
    pytest.mark.skipif(bool(absent), reason=f"absent: {', '.join(absent)} (apt-get install)"),
]

INSTRUCTIONS = {
    "mlperf_tiny_ic_resnet8_int8.onnx": 2_400_000,
    "mlperf_tiny_vww_mobilenetv1_025_96_int8.onnx": 3_200_000,
    "mlperf_tiny_kws_dscnn_int8.onnx": 900_000,
    "mlperf_tiny_ad_autoencoder_int8.onnx": 75_000,
}
STACK_BYTES = 600
QUICK = ("mlperf_tiny_kws_dscnn_int8.onnx", "mlperf_tiny_ad_autoencoder_int8.onnx")


@pytest.mark.parametrize("compiler", ["gcc", "zig"])
@pytest.mark.parametrize(
    "model",
    [pytest.param(m, marks=() if m in QUICK else pytest.mark.slow) for m in INSTRUCTIONS],
)
def test_instructions(model: str, compiler: CrossCompiler, tmp_path: Path) -> None:
    """Clang may take 5 % more; whatever compiles it, the result is that of the reference."""
    goal = Goal(model, model, 0, 0)
    skip_if_absent(goal)
    graph, target = fixed_graph(goal), load_target("cortex-m55")
    solution = solve(assign_kernels(graph, target.kernels, BY_ARENA), RamGoal())
    program = program_of(graph, target.kernels, (solution.schedule, solution.plan))
    write_files(tmp_path, emit((program,), (Golden((), ()),)))
    inputs = make_inputs(graph, (), 2).arrays
    build = build_target(tmp_path, program.interface, target, tmp_path, compiler)
    run = emulate(build, inputs, count=True)
    expected = evaluate(graph, inputs)
    for name, found in zip(graph.outputs, run.outputs, strict=True):
        np.testing.assert_array_equal(found, expected[name])
    assert run.cost is not None
    assert run.cost.instructions <= INSTRUCTIONS[model] * (1.05 if compiler == "zig" else 1)
    assert run.stack_bytes <= STACK_BYTES
