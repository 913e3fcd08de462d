"""Layers of coded weights: each kernel family, every coding, every form, bit for bit."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from codegen.ir.coding import CODINGS, Coding, fits
from codegen.ir.evaluate import evaluate
from codegen.ir.graph import Graph
from codegen.ir.program import Program
from codegen.ir.types import Array
from codegen.plan import make_plan
from codegen.schedule.assemble import assemble
from codegen.schedule.assign import assign_kernels
from codegen.schedule.kernels import coded
from codegen.targets import load_target
from codegen.toolchain.cross import CrossCompiler, build_target
from codegen.toolchain.elf import read_functions
from codegen.toolchain.emulate import emulate
from tests.emit.formatting import formatted
from tests.ops.cases import convolutions, dense_layers
from tests.ops.harness import (
    ARM_DSP,
    ARM_MVE,
    GENERIC,
    HOST,
    LANES,
    Planned,
    assert_c_equals_reference,
    merged,
    samples,
    write_c,
)
from tests.schedule.test_variants import plan_form

few = settings(
    max_examples=4, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)
FAMILIES = (GENERIC, ARM_DSP, ARM_MVE, LANES, HOST)
KINDS = (
    *(Coding("bits", bits) for bits in (4, 2, 1)),
    *(Coding("codebook", bits) for bits in (2, 5, 6)),
    Coding("huffman"),
)


@pytest.fixture(autouse=True)
def small_layers_are_coded(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Layers of a few weights are coded too, though it saves nothing."""
    monkeypatch.setattr(coded, "saves", lambda weights, coding: True)
    yield


def fitted(weights: Array, coding: Coding) -> Array:
    """Weights of the same signs and about the same order, that fit a coding."""
    if coding.kind == "huffman":
        return np.where(weights % 3 == 0, weights // 8, 0).astype(np.int8)
    if coding.kind == "codebook":
        values = np.unique(weights)[:: -(-len(np.unique(weights)) // (1 << coding.bits))]
        return values[np.abs(weights[..., None].astype(int) - values).argmin(-1)].astype(np.int8)
    if coding.bits == 1:
        return np.where(weights < 0, -1, 1).astype(np.int8)
    return (weights >> (8 - coding.bits)).astype(np.int8)


def with_coding(graph: Graph, coding: Coding) -> Graph:
    """The graph with all its weights in a coding."""
    types, constants = dict(graph.types), dict(graph.constants)
    for node in graph.nodes:
        name = node.inputs[1]
        constants[name] = fitted(constants[name], coding)
        assert fits(constants[name], coding)
        types[name] = replace(types[name], coding=coding)
    return replace(graph, types=types, constants=constants)


def coded_layers(kinds: Sequence[Coding]) -> Graph:
    """One graph with two convolutions and a dense layer in each coding."""
    drawn: list[list[Graph]] = []

    @settings(max_examples=len(kinds) + 2, database=None, derandomize=True)
    @given(st.tuples(convolutions(), dense_layers(), convolutions()))
    def collect(graphs: tuple[Graph, ...]) -> None:
        drawn.append(list(graphs))

    collect()
    pairs = zip(drawn[-len(kinds) :], kinds, strict=True)
    return merged([with_coding(graph, coding) for graphs, coding in pairs for graph in graphs])


def plan_forms(graph: Graph, families: tuple[str, ...]) -> Planned:
    """Layers in turn in their fastest and their leanest form."""
    assigned = assign_kernels(graph, families)
    steps = tuple(forms[-(index % 2)] for index, forms in enumerate(assigned.variants))
    schedule = assemble(replace(assigned, steps=steps), tuple(range(len(steps) + 1)))
    return schedule, make_plan(schedule)


@pytest.mark.parametrize("families", FAMILIES, ids=lambda names: names[0])
def test_kernels(families: tuple[str, ...]) -> None:
    graph = coded_layers(KINDS)
    schedule, plan = plan_forms(graph, families)
    decoding = [step.kernel for step in schedule.steps if step.kernel.decodes]
    assert len(decoding) >= 3 * (len(KINDS) - 1), "all but those of one bit, which have no zero"
    assert {kernel.remembers for kernel in decoding} == {True, False} or families == HOST
    assert_c_equals_reference(graph, families, np.random.default_rng(3), (schedule, plan))


@pytest.mark.slow
@pytest.mark.parametrize("coding", CODINGS, ids=str)
@pytest.mark.parametrize("families", FAMILIES, ids=lambda names: names[0])
@few
@given(
    graphs=st.lists(convolutions() | dense_layers(), min_size=6, max_size=6),
    form=st.sampled_from((0, -1)),
    seed=st.integers(0, 99),
)
def test_every_coding(
    families: tuple[str, ...], coding: Coding, form: int, graphs: list[Graph], seed: int
) -> None:
    graph = with_coding(merged(graphs), coding)
    planned = plan_form(graph, families, form)
    assert_c_equals_reference(graph, families, np.random.default_rng(seed), planned)


@pytest.mark.parametrize("name", ["cortex-m4", "cortex-m0plus", "rv32imc", "cortex-m55"])
def test_targets_equal_the_reference(name: str, tmp_path: Path) -> None:
    if name == "cortex-m55" and shutil.which("qemu-system-arm") is None:
        pytest.skip("qemu-system-arm is absent (apt-get install it)")
    target, graph = load_target(name), coded_layers(KINDS)
    inputs = samples(graph, np.random.default_rng(5), count=4)
    planned = plan_forms(graph, target.kernels)
    program = write_c(graph, target.kernels, tmp_path, inputs, planned)
    run = emulate(build_target(tmp_path, program.interface, target, tmp_path), inputs)
    expected = evaluate(graph, inputs)
    for output, got in zip(graph.outputs, run.outputs, strict=True):
        np.testing.assert_array_equal(got, expected[output], output)


LOOPS = ("fx_unpack", "fx_look_up", "fx_spread")
DECODERS = (*LOOPS, "fx_inflate")


@pytest.fixture(scope="module")
def every_decoder(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Program]:
    """The C of layers in all codings, for a core with SIMD."""
    folder, families = tmp_path_factory.mktemp("coded"), load_target("cortex-m4").kernels
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(coded, "saves", lambda weights, coding: True)
        graph = coded_layers(CODINGS)
        inputs = samples(graph, np.random.default_rng(5))
        return folder, write_c(graph, families, folder, inputs, plan_forms(graph, families))


def test_decoders_are_laid_out_as_clang_format_has_it(every_decoder: tuple[Path, Program]) -> None:
    folder, _ = every_decoder
    text = (folder / "net.c").read_text(encoding="utf-8")
    functions = re.findall(rf"^\w+ [^\n]*(?:{'|'.join(DECODERS)})\w*\(.*?^}}$", text, re.M | re.S)
    assert len(functions) > len(CODINGS)
    for function in functions:
        assert formatted(function) == function


@pytest.mark.parametrize("compiler", ["zig", "gcc"])
def test_decoders_are_not_unrolled(
    compiler: CrossCompiler, every_decoder: tuple[Path, Program], tmp_path: Path
) -> None:
    if compiler == "gcc" and shutil.which("arm-none-eabi-gcc") is None:
        pytest.skip("arm-none-eabi-gcc is absent")
    (folder, program), target = every_decoder, load_target("cortex-m4")
    build = build_target(folder, program.interface, target, tmp_path, compiler)
    found = [f for f in read_functions(build.elf) if f.name.startswith(LOOPS)]
    assert len(found) > len(CODINGS)
    assert max(f.end - f.start for f in found) <= 320
