"""Layers in floats: the C makes the bits of the reference, everywhere, near the real function."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from codegen.errors import ToolFailed
from codegen.ir import single
from codegen.ir.evaluate import evaluate
from codegen.ir.graph import Graph, Node
from codegen.ir.op import Op
from codegen.ir.text import parse_graph, print_graph
from codegen.ir.types import Array, DType, Quant, TensorType
from codegen.ops import (
    Add,
    Elementwise,
    GridSample,
    InFloat,
    InverseDeviation,
    MatMul,
    Normalize,
    Reduce,
    Softmax,
    has_float_form,
)
from codegen.ops.in_float import PAIRS
from codegen.ops.reduce import FLOATS
from codegen.targets import load_target
from codegen.toolchain import cross
from codegen.toolchain.compile_check import find_warnings
from codegen.toolchain.cross import CrossCompiler, build_target
from codegen.toolchain.emulate import emulate
from codegen.toolchain.host import build_host
from codegen.toolchain.tools import Compiler, host_compiler, list_compilers
from tests.ops.harness import (
    GENERIC,
    assert_c_equals_reference,
    int8,
    merged,
    op_graph,
    samples,
    write_c,
)

few = settings(
    max_examples=3, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)
zero_points = st.sampled_from((-128, -3, 0, 5, 127))
scales = st.sampled_from((1e-20, 0.01, 0.05, 3.0, 1e15))
outputs = st.sampled_from((1e-30, 0.02, 0.6, 1e10))


@st.composite
def element_functions(draw: st.DrawFn) -> Graph:
    """Functions of operands of every shape that makes one together; one may be constant."""
    kind = draw(st.sampled_from(sorted(PAIRS)))
    shape = draw(st.lists(st.integers(1, 5), min_size=1, max_size=4))
    count = draw(st.integers(2, 3)) if kind in ("add", "max", "min", "mean") else 2
    shapes = [tuple(size if draw(st.booleans()) else 1 for size in shape) for _ in range(count)]
    operands = [int8(own, draw(scales), draw(zero_points)) for own in shapes]
    constants: list[tuple[Array, TensorType]] = []
    if draw(st.booleans()):
        own = operands.pop().shape
        data = np.random.default_rng(draw(st.integers(0, 99))).normal(size=own) * 3
        constants = [(data.astype(np.float32), TensorType(own))]
    op = InFloat(Elementwise(kind))
    return op_graph(op, operands, (draw(outputs), draw(zero_points)), constants)


@st.composite
def group_functions(draw: st.DrawFn) -> Graph:
    """Reductions and normalizations of any groups, and products of matrices."""
    shape = (draw(st.integers(1, 3)), draw(st.integers(1, 17)), draw(st.integers(1, 4)))
    norm = st.sampled_from(("deviation", "rms", "l2", "l1"))
    epsilon = st.sampled_from((0.0, 1e-12, 0.1))
    x = int8(shape, draw(scales), draw(zero_points))
    y = draw(outputs), draw(zero_points)
    op: Op = draw(
        st.one_of(
            st.builds(Reduce, st.sampled_from(sorted(FLOATS))),
            st.builds(InverseDeviation, epsilon),
            st.builds(
                Normalize,
                norm,
                epsilon,
                st.just((1.5, -0.3)),
                st.just((0.0, 0.7)),
                st.integers(1, 3),
            ),
            st.builds(MatMul, st.booleans(), st.sampled_from((1.0, -0.37))),
        )
    )
    operands = [x]
    if isinstance(op, MatMul):
        batch, _, depth = shape
        other = (batch, 3, depth) if op.transposed else (batch, depth, 3)
        operands.append(int8(other, draw(scales), draw(zero_points)))
    return op_graph(InFloat(op), operands, y)


def others() -> list[Graph]:
    """What has one form."""
    shape = (3, 4)
    clamps = ((0.0, 6.0), (0.0, float("inf")), (float("-inf"), 1.0), None)
    forms = product((True, False), ("zeros", "border", "reflection"), (True, False))
    operands = [int8((4, 5, 3), 0.05, 3), int8((3, 6, 2), 0.02, -5)]
    samplers = [op_graph(InFloat(GridSample(*form)), operands, (0.06, 2)) for form in forms]
    grid = np.random.default_rng(0).uniform(-1.5, 1.5, (3, 6, 2)).astype(np.float32)
    held = [(grid, TensorType(grid.shape))]
    samplers.append(op_graph(InFloat(GridSample()), operands[:1], (0.06, 2), held))
    lone = [int8((1, 1, 3)), operands[1]]
    samplers.append(op_graph(InFloat(GridSample(True, "reflection", True)), lone, (0.06, 2)))
    sums = [op_graph(InFloat(Add(clamp)), [int8(shape)] * 2, (0.04, -9)) for clamp in clamps]
    powers = op_graph(InFloat(Elementwise("pow")), [int8(shape, 0.02, 3)] * 2, (0.1, 4))
    where = InFloat(Elementwise("where"))
    types = {"c": TensorType(shape, DType.BOOL, Quant((1.0,))), "a": int8(shape, 3.0)}
    types |= {"b": int8(shape), "y": int8(shape, 0.3)}
    chosen = {"c": np.arange(12).reshape(shape) % 3 == 0}
    picked = Graph("net", ("a", "b"), ("y",), (Node(where, ("c", "a", "b"), "y"),), types, chosen)
    return [*sums, powers, picked, *samplers]


def mixture(count: int = 10) -> Graph:
    """All forms, some drawn."""
    found: list[Graph] = []

    @settings(max_examples=count, database=None, derandomize=True, phases=[Phase.generate])
    @given(element_functions(), group_functions())
    def collect(elements: Graph, groups: Graph) -> None:
        found.extend((elements, groups))

    collect()
    return merged([*found, *others()])


@few
@given(st.lists(st.one_of(element_functions(), group_functions()), min_size=20, max_size=20))
def test_c_equals_reference(graphs: list[Graph]) -> None:
    assert_c_equals_reference(merged([*graphs, *others()]), GENERIC, np.random.default_rng(0))


@pytest.mark.parametrize(
    ("name", "compiler"),
    [
        ("cortex-m0plus", "zig"),
        ("cortex-m4", "zig"),
        ("cortex-m4", "gcc"),
        pytest.param("cortex-m33", "gcc", marks=pytest.mark.slow),
        ("rv32imc", "zig"),
    ],
)
def test_targets_equal_reference(
    name: str, compiler: CrossCompiler, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With an FPU or without, and where the compiler is asked to fuse products with sums."""
    if compiler == "gcc" and shutil.which("arm-none-eabi-gcc") is None:
        pytest.skip("arm-none-eabi-gcc is not installed")
    flags = ("-std=gnu11", "-O2", "-ffp-contract=fast")
    monkeypatch.setattr(cross, "COMPILE_FLAGS", flags)
    target, graph = load_target(name), mixture()
    inputs = samples(graph, np.random.default_rng(5), count=4)
    program = write_c(graph, target.kernels, tmp_path, inputs)
    run = emulate(build_target(tmp_path, program.interface, target, tmp_path, compiler), inputs)
    expected = evaluate(graph, inputs)
    for output, got in zip(graph.outputs, run.outputs, strict=True):
        np.testing.assert_array_equal(got, expected[output], output)


def tidy_graph() -> Graph:
    """A layer of each kernel."""
    x = int8((2, 3, 4), 0.05, 3)
    reductions = (Reduce("l2"), Reduce("log_sum_exp"), InverseDeviation(1e-5))
    forms: tuple[Op, ...] = (*reductions, Normalize("deviation"), Normalize("l1"))
    layers = [op_graph(InFloat(op), [x], (0.05, 2)) for op in forms]
    pairs = (Elementwise("pow"), Elementwise("mod"), MatMul(True))
    layers += [op_graph(InFloat(op), [x, x], (0.05, 2)) for op in pairs]
    places = int8((2, 2, 2), 0.01)
    sampler = GridSample(False, "reflection")
    return merged([*layers, op_graph(InFloat(sampler), [x, places], (0.05, 3))])


@pytest.mark.parametrize("compiler", list_compilers(), ids=lambda c: c.name)
def test_the_c_is_tidy(compiler: Compiler, tmp_path: Path) -> None:
    graph = tidy_graph()
    program = write_c(graph, GENERIC, tmp_path, samples(graph, np.random.default_rng(0)))
    assert find_warnings(tmp_path, program.interface, compiler) == ""
    if compiler.cxx is not None:
        assert find_warnings(tmp_path, program.interface, compiler, "c++17") == ""
    formatter, text = shutil.which("clang-format"), (tmp_path / "net.c").read_text()
    assert "math.h" not in text and "double" not in text
    if formatter is not None:
        style = f"--style=file:{Path(__file__).parents[2] / '.clang-format'}"
        command = (formatter, style, str(tmp_path / "net.c"))
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        assert done.stdout == text


def test_fast_math_is_refused(tmp_path: Path) -> None:
    graph = merged(others())
    program = write_c(graph, GENERIC, tmp_path, samples(graph, np.random.default_rng(0)))
    host = host_compiler()
    fast = replace(host, c=(*host.c, "-ffast-math"))
    with pytest.raises(ToolFailed, match="layers in floats need IEEE 754 single precision"):
        build_host(tmp_path, program.interface, tmp_path, fast)


def test_functions_are_near_the_real_ones() -> None:
    rng = np.random.default_rng(1)
    x = rng.uniform(-126, 127.9, 100_000).astype(np.float32)
    exact = np.exp2(x.astype(np.float64))
    assert np.abs(single.exp2(x) / exact - 1).max() < 3e-7
    positive = single.exp2(x)
    exact = np.log2(positive.astype(np.float64))
    assert np.abs(single.log2(positive) - exact).max() < 1e-5
    near = rng.uniform(0.9, 1.1, 10_000).astype(np.float32)
    assert np.abs(single.log2(near) - np.log2(near.astype(np.float64))).max() < 1e-7
    assert np.abs(single.root(positive) / np.sqrt(positive.astype(np.float64)) - 1).max() < 2e-7
    wide = rng.uniform(-2e7, 2e7, 10_000).astype(np.float32)
    np.testing.assert_array_equal(single.floor(wide), np.floor(wide))


def test_results_at_the_ends() -> None:
    def power(a: float, b: float) -> float:
        with np.errstate(over="ignore"):
            return float(single.power(np.float32([a]), np.float32([b]))[0])

    assert [power(0, 0), power(0, 2), power(-2, 0)] == [1, 0, 1]
    assert power(0, -1) == power(10, 50) == single.GREATEST
    assert power(10, -50) == 0
    assert power(-2, 3) == pytest.approx(-8) and power(-2, 2) == pytest.approx(4)
    edges = np.float32([np.nan, np.inf, -np.inf, 126.49, 126.5, 1e30])
    quant = Quant((1.0,), 0)
    assert single.quantized(edges, quant).tolist() == [0, 127, -128, 126, 127, 127]


@pytest.mark.parametrize("kind", sorted(PAIRS))
def test_every_pair_is_within_one_step(kind: str) -> None:
    low = (0.02, -128) if kind == "pow" else (0.03, 11)
    a, b = int8((256,), *low), int8((256,), 0.015, -20)
    output = {"mul": 0.05, "div": 0.2, "pow": 0.13, "prelu": 0.04}.get(kind, 0.03)
    graph = op_graph(InFloat(Elementwise(kind)), [a, b], (output, 3))
    qa, qb = (x.ravel()[None].repeat(2, 0) for x in np.meshgrid(*[np.arange(-128, 128)] * 2))
    (node,) = graph.nodes
    found = node.op.evaluate_fixed(graph.signature(node), qa, qb)
    assert a.quant and b.quant
    real = Elementwise(kind).evaluate(a.quant.dequantize(qa), b.quant.dequantize(qb))
    steps = np.clip(real / output + 3, -128, 127)
    off = np.abs(found - steps)
    if kind in ("mod", "fmod"):
        divisor = np.abs(b.quant.dequantize(qb)) / output
        off = np.minimum(off, np.abs(divisor - off))
    assert off.max() < 0.51


def test_long_sums_keep_their_precision() -> None:
    """More squares than 32 bits hold."""
    x = int8((1, 65_536, 1), 0.1, -128)
    graph = op_graph(InFloat(Reduce("sum_square")), [x], (200_000.0, -128))
    (node,) = graph.nodes
    q = np.random.default_rng(0).integers(-128, 128, (3, 1, 65_536, 1)).astype(np.int8)
    assert x.quant
    real = (x.quant.dequantize(q) ** 2).sum(axis=2) / 200_000 - 128
    found = node.op.evaluate_fixed(graph.signature(node), q)[:, :, 0]
    assert np.abs(found - real).max() < 0.6


def test_text_form() -> None:
    text = (
        "graph net(x: int8[3,4,5] quant(0.05, 0)) -> y\n"
        '  y = in_float(x) op=op(reduce, kind="l2") : int8[3,1,5] quant(0.1, 3)\n'
        "  z = in_float(y, y) op=op(elementwise) : int8[3,1,5] quant(0.1, 3)"
    )
    assert print_graph(parse_graph(text)) == text


def test_what_has_a_form() -> None:
    assert has_float_form(Elementwise("pow")) and has_float_form(Add())
    assert not has_float_form(Elementwise("add", exact=True))
    assert not has_float_form(Elementwise("less")) and not has_float_form(Softmax())
