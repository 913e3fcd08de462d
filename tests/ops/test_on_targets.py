"""Every kernel family on the emulated cores, bit for bit: a network of random operators."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from codegen.ir.evaluate import evaluate
from codegen.ir.graph import Graph
from codegen.ops import Add, AveragePool, Clip, Concat, Conv2d, Dense, Pad, Softmax, Transpose
from codegen.targets import Target, load_target
from codegen.toolchain import cross
from codegen.toolchain.cross import CrossCompiler, build_target
from codegen.toolchain.emulate import emulate
from tests.ops.cases import (
    blends,
    by_vectors,
    convolutions,
    dense_layers,
    depthwise_windows,
    normalizations,
    pools,
    recurrences,
    resizes,
    slices,
    sums,
    takes,
)
from tests.ops.group_cases import normalized_groups, reductions, running, selections, volume_pools
from tests.ops.harness import int8, linear_constants, merged, op_graph, samples, write_c
from tests.ops.test_elementwise import broadcast
from tests.ops.test_matmul import products, spreads

FOUR = ("cortex-m0plus", "cortex-m4", "cortex-m55", "rv32imc")
"""One of each instruction set."""
TARGETS = (
    "cortex-m0plus",
    "cortex-m3",
    "cortex-m4",
    "cortex-m7",
    "cortex-m33",
    "cortex-m55",
    "rv32imc",
)
STEPS = 24


@pytest.fixture(scope="module")
def mixture() -> Graph:
    """Random convolutions and operators of other kinds, and one of each that has one form."""
    found: list[Graph] = []

    others = (
        dense_layers(),
        sums(),
        pools(),
        normalizations(),
        resizes(),
        slices(),
        takes(),
        recurrences(),
    )

    @settings(max_examples=STEPS, database=None, derandomize=True, phases=[Phase.generate])
    @given(convolutions(), st.one_of(*others))
    def collect(convolution: Graph, other: Graph) -> None:
        found.extend((convolution, other))

    @settings(max_examples=STEPS, database=None, derandomize=True, phases=[Phase.generate])
    @given(depthwise_windows())
    def collect_windows(graph: Graph) -> None:
        found.append(graph)

    general = (
        blends(),
        broadcast(),
        normalized_groups(),
        products(),
        reductions(),
        running(),
        selections(),
        spreads(),
        volume_pools(),
    )

    @settings(max_examples=2, database=None, derandomize=True, phases=[Phase.generate])
    @given(st.tuples(*general))
    def collect_general(graphs: tuple[Graph, ...]) -> None:
        found.extend(graphs)

    collect()
    collect_windows()
    collect_general()
    found.extend(by_vectors())
    rest = [
        op_graph(Softmax(), [int8((3, 10), 0.1, 3)], (1 / 256, -128)),
        op_graph(AveragePool((2, 256)), [int8((2, 256, 6), 0.05, 3)], (0.05, 3)),
        op_graph(Clip(0.0, 6.0), [int8((11,), 0.1, 3)], (0.05, -128)),
        op_graph(Concat(1), [int8((3, 2)), int8((3, 5))], (0.05, 0)),
        op_graph(Pad((1, 2), (0, 1)), [int8((3, 4), 0.05, 5)], (0.05, 5)),
        op_graph(Transpose((1, 2, 0)), [int8((3, 4, 5))], (0.05, 0)),
    ]
    return merged([*found, *rest])


def skip_if_not_emulated(target: Target) -> None:
    """Skip a test on a core that only QEMU emulates, where that is absent."""
    if target.emulator is None and shutil.which("qemu-system-arm") is None:
        pytest.skip("qemu-system-arm is absent (apt-get install it)")


@pytest.mark.parametrize(
    "name",
    [name if name in FOUR else pytest.param(name, marks=pytest.mark.slow) for name in TARGETS],
)
def test_target_equals_reference(mixture: Graph, name: str, tmp_path: Path) -> None:
    target = load_target(name)
    skip_if_not_emulated(target)
    inputs = samples(mixture, np.random.default_rng(5), count=4)
    program = write_c(mixture, target.kernels, tmp_path, inputs)
    run = emulate(build_target(tmp_path, program.interface, target, tmp_path), inputs)
    expected = evaluate(mixture, inputs)
    for output, got in zip(mixture.outputs, run.outputs, strict=True):
        np.testing.assert_array_equal(got, expected[output], output)


@pytest.mark.parametrize("name", FOUR)
def test_products_add_up_to_the_end_of_16_bits(name: str, tmp_path: Path) -> None:
    """Four weights whose sum is 256 or -256, times the least value, in all pixels."""
    target = load_target(name)
    skip_if_not_emulated(target)
    rng = np.random.default_rng(0)
    (weights, kind), bias = linear_constants(rng, (16, 3, 3, 16), 0.05, scale=0.03)
    weights[:8], weights[8:] = 64, -64
    graph = op_graph(Conv2d(), [int8((5, 8, 16))], (0.5, 3), [(weights, kind), bias])
    inputs = samples(graph, rng)
    program = write_c(graph, target.kernels, tmp_path, inputs)
    run = emulate(build_target(tmp_path, program.interface, target, tmp_path), inputs)
    np.testing.assert_array_equal(run.outputs[0], evaluate(graph, inputs)["y"])


@pytest.mark.parametrize("compiler", ["zig", "gcc"])
@pytest.mark.parametrize("name", ["cortex-m0plus", "cortex-m4", "cortex-m55"])
def test_assembly_leaves_compilers_their_registers(
    name: str, compiler: CrossCompiler, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Unoptimized code with a frame pointer has fewest to give."""
    if compiler == "gcc" and shutil.which("arm-none-eabi-gcc") is None:
        pytest.skip("arm-none-eabi-gcc is not installed")
    flags = ("-std=c99", "-O0", "-fno-omit-frame-pointer", "-fno-sanitize=all")
    monkeypatch.setattr(cross, "COMPILE_FLAGS", flags)
    target = load_target(name)
    skip_if_not_emulated(target)
    rng = np.random.default_rng(0)
    window, matrix = (linear_constants(rng, shape, 0.05) for shape in ((5, 3, 3, 6), (7, 33)))
    conv = op_graph(Conv2d(pads=(1, 1, 1, 1)), [int8((4, 5, 6), 0.05, 5)], (2.0, 3), window)
    taps = Conv2d(pads=(1, 1, 1, 1), group=21)
    apart = op_graph(taps, [int8((4, 5, 21))], (2.0, 3), linear_constants(rng, (21, 3, 3, 1), 0.05))
    broad = Conv2d(pads=(2, 2, 2, 2), group=6)
    wide = op_graph(broad, [int8((6, 9, 6))], (2.0, 3), linear_constants(rng, (6, 5, 5, 1), 0.05))
    total = op_graph(Add(), [int8((2, 3, 5)), int8((2, 3, 5), 0.1, 9)], (0.1, 3))
    dense = op_graph(Dense(), [int8((33,))], (0.5, 3), matrix)
    graph = merged([conv, dense, apart, wide, total])
    inputs = samples(graph, np.random.default_rng(5))
    program = write_c(graph, target.kernels, tmp_path, inputs)
    run = emulate(build_target(tmp_path, program.interface, target, tmp_path, compiler), inputs)
    expected = evaluate(graph, inputs)
    for output, got in zip(graph.outputs, run.outputs, strict=True):
        np.testing.assert_array_equal(got, expected[output], output)
