"""C for high-level synthesis: what tools can take, and the top function right when it runs."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from codegen.emit.hls import hls_files
from codegen.errors import VerificationFailed
from codegen.ir.evaluate import evaluate
from codegen.ir.graph import Graph
from codegen.ir.program import Program
from codegen.ops import (
    Add,
    AveragePool,
    Clip,
    Concat,
    Conv2d,
    Dense,
    MaxPool,
    Pad,
    Reshape,
    Resize,
    Slice,
    Softmax,
    Transpose,
)
from codegen.plan import make_plan
from codegen.schedule.assemble import assemble
from codegen.schedule.assign import assign_kernels
from codegen.toolchain.compile_check import Language, find_warnings
from codegen.toolchain.hls import run_testbench, run_top
from codegen.toolchain.sanitize import build_sanitized, run_sanitized
from codegen.toolchain.tools import Compiler, list_compilers
from tests.emit.network import Builder
from tests.ops.harness import GENERIC, HLS, int8, samples, write_c

RNG_SEED = 4
STYLE = Path(__file__).parents[2] / ".clang-format"


def every_kernel() -> Graph:
    """Return an image network, with two outputs, that needs nearly every kernel of the family."""
    b = Builder(int8((16, 17, 3), 0.05, -3))
    b.add(Conv2d((2, 2), (0, 0, 1, 1)), ("x",), "c1", weights=(10, 3, 3, 3))
    b.add(Conv2d(pads=(1, 1, 1, 1), group=10), ("c1",), "d1", weights=(10, 3, 3, 1))
    b.add(Conv2d(pads=(2, 2, 2, 2), dilations=(2, 2)), ("d1",), "c2", weights=(10, 3, 3, 10))
    b.add(Add(), ("c2", "d1"), "a1")
    b.add(Conv2d(group=2, interleave=True), ("a1",), "g1", weights=(6, 1, 1, 5))
    b.add(Concat(2), ("g1", "a1"), "k1")
    b.add(Slice((0, 0, 3), (8, 8, 9), (1, 1, 1)), ("k1",), "s1")
    b.add(MaxPool((3, 3), (2, 2), (1, 1, 1, 1)), ("s1",), "m1")
    b.add(Resize((7, 5), (2, 1, 3), (1, 0, 2)), ("m1",), "r1")
    b.add(Pad((1, 0, 0), (0, 1, 0), -1.0), ("r1",), "p1")
    b.add(AveragePool((3, 3), (1, 1), (1, 1, 1, 1)), ("p1",), "v1")
    b.add(Clip(), ("v1",), "t1", format=(0.2, -128))
    b.add(Transpose((0, 2, 1)), ("t1",), "t2", format=(0.2, -128))
    b.add(AveragePool((8, 9)), ("t2",), "v2", format=(0.1, -128))
    b.add(Reshape((6,)), ("v2",), "r2", format=(0.1, -128))
    b.add(Dense(), ("r2",), "f1", weights=(7, 6), format=(0.3, 2))
    b.add(Softmax(), ("f1",), "y", format=(1 / 256, -128))
    return b.graph("y", "a1")


@pytest.fixture(scope="module", params=[False, True], ids=["layers", "streamed"])
def emitted(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Program]:
    """A folder with the network, layer by layer or as one nest."""
    folder = tmp_path_factory.mktemp("net")
    graph = every_kernel()
    assigned = assign_kernels(graph, HLS)
    places = range(len(assigned.steps) + 1)
    schedule = assemble(assigned, (places[0], places[-1]) if request.param else tuple(places))
    inputs = samples(graph, np.random.default_rng(RNG_SEED))
    return folder, write_c(graph, HLS, folder, inputs, (schedule, make_plan(schedule)))


def test_the_folder_has_all_that_tools_are_given(emitted: tuple[Path, Program]) -> None:
    folder, _ = emitted
    names = {"net_hls.c", "net_hls.h", "net_hls_tb.c", "run_hls.tcl", "Makefile"}
    assert set(hls_files("net")) == names
    assert names <= {path.name for path in folder.iterdir()}


@pytest.mark.parametrize("language", ["c99", "c++17"])
@pytest.mark.parametrize("compiler", list_compilers(), ids=lambda c: c.name)
def test_no_warnings(emitted: tuple[Path, Program], compiler: Compiler, language: Language) -> None:
    folder, program = emitted
    if language == "c++17" and compiler.cxx is None:
        pytest.skip(f"{compiler.name} comes without C++")
    assert find_warnings(folder, program.interface, compiler, language) == ""


def test_the_top_function_equals_the_reference(emitted: tuple[Path, Program]) -> None:
    folder, program = emitted
    graph = every_kernel()
    inputs = samples(graph, np.random.default_rng(RNG_SEED), count=20)
    expected = evaluate(graph, inputs)
    for name, got in zip(graph.outputs, run_top(folder, program.interface, inputs), strict=True):
        np.testing.assert_array_equal(got, expected[name])


def test_sanitizers_find_nothing(emitted: tuple[Path, Program], tmp_path: Path) -> None:
    folder, program = emitted
    graph = every_kernel()
    inputs = samples(graph, np.random.default_rng(RNG_SEED))
    outputs = run_sanitized(build_sanitized(folder, program.interface, tmp_path), inputs)
    np.testing.assert_array_equal(outputs[0], evaluate(graph, inputs)["y"])


@pytest.mark.parametrize("output", ["net_golden_output_0", "net_golden_output_1"])
def test_the_testbench_finds_one_wrong_byte(
    emitted: tuple[Path, Program], tmp_path: Path, output: str
) -> None:
    folder, program = emitted
    changed = shutil.copytree(folder, tmp_path / "changed")
    run_testbench(changed, program.interface)
    header = changed / "net_test.h"
    start, first, rest = re.split(
        rf"({output}\[\d+\] = {{\s+)", header.read_text(encoding="utf-8"), maxsplit=1
    )
    value, comma, others = rest.partition(",")
    text = f"{start}{first}{int(value) ^ 1}{comma}{others}"
    header.write_text(text, encoding="utf-8")
    with pytest.raises(VerificationFailed, match="returned 1: net: 2 output values differ"):
        run_testbench(changed, program.interface)


def hardware(folder: Path) -> str:
    """Return the kernels, layers and nests, without comments."""
    text = (folder / "net.c").read_text(encoding="utf-8")
    inside = text[text.index("/* ---- Kernels") : text.index("/* ---- Interface")]
    return re.sub(r"/\*.*?\*/", "", inside, flags=re.DOTALL)


def test_nothing_that_tools_cannot_synthesize(emitted: tuple[Path, Program]) -> None:
    """No pointers, no copies of bytes by libc, no loop without a known end; arrays have lengths."""
    code = hardware(emitted[0])
    assert not re.search(r"\w+ \*+\w|\bmem(cpy|set)\b|\bwhile\b|for \(;;\)|\[\]|\bNULL\b", code)
    assert not re.search(r"\b(float|double|union|goto|malloc|static (?!void))\b", code)


def test_every_innermost_loop_of_a_kernel_is_pipelined(emitted: tuple[Path, Program]) -> None:
    code = hardware(emitted[0]).partition("layer_000(")[0].splitlines()
    loops = [i for i, line in enumerate(code) if line.lstrip().startswith("for (")]
    assert len(loops) > 20
    for i in loops:
        depth = len(code[i]) - len(code[i].lstrip())
        ends = next(j for j in range(i + 1, len(code)) if code[j] == " " * depth + "}")
        is_innermost = not any(i < j < ends for j in loops)
        if is_innermost:
            assert re.match(r"#pragma HLS (PIPELINE II = [12]|UNROLL)$", code[i + 1]), code[i]


def test_loops_end_after_as_many_calls_as_there_are_rows(emitted: tuple[Path, Program]) -> None:
    folder, program = emitted
    bounds = re.findall(r"for \(int32_t call = 0; call < (\d+); \+\+call\)", hardware(folder))
    sizes = [sum(layer.rows for layer in nest.layers) for nest in program.nests if nest.layers[1:]]
    assert list(map(int, bounds)) == sizes


def test_interfaces_are_named_for_both_tools(emitted: tuple[Path, Program]) -> None:
    text = (emitted[0] / "net_hls.c").read_text(encoding="utf-8")
    for port, size in (("input", 816), ("output_0", 7), ("output_1", 640)):
        assert f"#pragma HLS interface port = {port} mode = m_axi offset = direct" in text
        vitis = f"#pragma HLS INTERFACE mode = m_axi port = {port} offset = slave"
        assert f"{vitis} bundle = gmem_{port} depth = {size}\n" in text
    assert "#pragma HLS INTERFACE mode = s_axilite port = return\n" in text


def test_clang_format_has_nothing_to_change(emitted: tuple[Path, Program]) -> None:
    program = shutil.which("clang-format")
    if program is None:
        pytest.skip("clang-format is not installed")
    for file in sorted(emitted[0].glob("*.[ch]")):
        command = [program, f"--style=file:{STYLE}", str(file)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        assert done.stdout == file.read_text(), file.name
        assert all(len(line) <= 100 for line in done.stdout.splitlines()), file.name


def test_other_targets_have_neither_pragmas_nor_a_top_function(tmp_path: Path) -> None:
    graph = every_kernel()
    write_c(graph, GENERIC, tmp_path, samples(graph, np.random.default_rng(RNG_SEED)))
    assert not set(hls_files("net")) & {path.name for path in tmp_path.iterdir()}
    assert not any("HLS" in path.read_text() for path in tmp_path.iterdir())
