"""Networks in several memories: right on host, target and boards, clean, linked as they say."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from codegen.emit import Golden, emit
from codegen.errors import VerificationFailed
from codegen.ir.evaluate import evaluate
from codegen.ir.graph import Graph
from codegen.ir.interface import Transfer
from codegen.ir.program import Program
from codegen.lower.spread import lower_into
from codegen.options import InputMode, OutputMode
from codegen.plan.solve import schedule_and_plan
from codegen.targets import Memory, choose_memories, load_target
from codegen.toolchain import build_target, emulate, read_facts, run_self_test
from codegen.toolchain.compile_check import Language, find_warnings
from codegen.toolchain.cross import CrossCompiler
from codegen.toolchain.elf import read_section
from codegen.toolchain.host import build_host, run_host
from codegen.toolchain.sanitize import build_sanitized, run_sanitized
from codegen.toolchain.tools import Compiler, list_compilers
from tests.emit.network import every_operator
from tests.emit.test_transfer import network
from tests.ops.harness import ARM_DSP, GENERIC, assert_c_equals_reference, samples, write_c
from tests.plan.test_stream import networks
from tests.toolchain.test_qemu import needs_qemu
from tests.toolchain.toy_network import needs_target_tools

few = settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)
TARGET = load_target("cortex-m7")
TRANSFERS: tuple[tuple[InputMode, OutputMode], ...] = (
    ("arena", "arena"),
    ("const", "arena"),
    ("rows", "arena"),
    ("rows", "rows"),
)
Emitted = tuple[Path, Program, Graph]


def some_of(target_bytes: int, flash_bytes: int) -> tuple[Memory, ...]:
    """Memories of the Cortex-M7 of which the fast ones are too small."""
    sizes = {"dtcm": target_bytes, "axi_sram": None, "flash": flash_bytes, "qspi": None}
    return choose_memories(TARGET, sizes)


@pytest.fixture(scope="module", params=TRANSFERS, ids=lambda transfer: "-".join(transfer))
def emitted(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Emitted:
    """A folder in two memories of RAM and two of flash, in some modes of transfer."""
    transfer, folder = Transfer(*request.param), tmp_path_factory.mktemp("net")
    graph = network(transfer)
    planned = schedule_and_plan(graph, ARM_DSP, transfer)
    memories = some_of(planned[1].size_bytes // 2, 4000)
    inputs = samples(graph, np.random.default_rng(4))
    program = write_c(graph, ARM_DSP, folder, inputs, planned, memories)
    assert {arena.memory for arena in program.interface.arenas} == {"dtcm", "axi_sram"}
    assert set(program.interface.sections) == {"flash", "qspi"}
    return folder, program, graph


def test_host_and_sanitizers_equal_the_reference(emitted: Emitted, tmp_path: Path) -> None:
    folder, program, graph = emitted
    inputs = samples(graph, np.random.default_rng(4))
    expected = evaluate(graph, inputs)
    for found in (
        run_host(build_host(folder, program.interface, tmp_path), inputs),
        run_sanitized(build_sanitized(folder, program.interface, tmp_path), inputs),
    ):
        for name, array in zip(graph.outputs, found, strict=True):
            np.testing.assert_array_equal(array, expected[name])


@needs_target_tools
@pytest.mark.parametrize("compiler", ["zig", "gcc"])
def test_target_equals_the_reference(
    emitted: Emitted, compiler: CrossCompiler, tmp_path: Path
) -> None:
    if compiler == "gcc" and shutil.which("arm-none-eabi-gcc") is None:
        pytest.skip("arm-none-eabi-gcc is absent (apt-get install gcc-arm-none-eabi)")
    folder, program, graph = emitted
    inputs = samples(graph, np.random.default_rng(4), count=4)
    build = build_target(folder, program.interface, TARGET, tmp_path, compiler)
    for name, array in zip(graph.outputs, emulate(build, inputs).outputs, strict=True):
        np.testing.assert_array_equal(array, evaluate(graph, inputs)[name])
    bases = {memory.name: memory.base for memory in TARGET.memories}
    sizes = {
        memory: sum(c.size_bytes for c in program.constants if c.memory == memory)
        for memory in program.interface.sections
    }
    for memory, size in sizes.items():
        start, end = read_section(build.elf, f".net_const_{memory}")
        assert bases[memory] <= start and end <= bases[memory] + (64 << 20)
        assert size <= end - start <= size + 4 * len(program.constants)
    assert read_facts(build).weights_bytes >= sum(sizes.values())


@needs_target_tools
def test_a_target_without_these_memories(emitted: Emitted, tmp_path: Path) -> None:
    folder, program, graph = emitted
    inputs = samples(graph, np.random.default_rng(4), count=4)
    build = build_target(folder, program.interface, load_target("cortex-m4"), tmp_path)
    for name, array in zip(graph.outputs, emulate(build, inputs).outputs, strict=True):
        np.testing.assert_array_equal(array, evaluate(graph, inputs)[name])


@needs_target_tools
@needs_qemu
def test_firmware_with_each_part_in_its_section(emitted: Emitted) -> None:
    folder, program, _ = emitted
    result = run_self_test(folder, program.interface, TARGET)
    assert result.passed, result.output


@pytest.mark.parametrize("language", ["c99", "c++17"])
@pytest.mark.parametrize("compiler", list_compilers(), ids=lambda c: c.name)
def test_no_warnings(emitted: Emitted, compiler: Compiler, language: Language) -> None:
    folder, program, _ = emitted
    if language == "c++17" and compiler.cxx is None:
        pytest.skip(f"{compiler.name} comes without C++")
    assert find_warnings(folder, program.interface, compiler, language) == ""


def test_the_files_are_tidy(emitted: Emitted) -> None:
    folder, _, _ = emitted
    for file in folder.iterdir():
        for line in file.read_text().splitlines():
            assert len(line) <= 100 and line == line.rstrip(), f"{file.name}: {line}"
    program = shutil.which("clang-format")
    if program is None:
        pytest.skip("clang-format is not installed")
    style = Path(__file__).parents[2] / ".clang-format"
    for file in sorted(folder.glob("*.[ch]")):
        command = [program, f"--style=file:{style}", str(file)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        assert done.stdout == file.read_text(), file.name


def test_the_self_test_of_the_cmake_project(emitted: Emitted, tmp_path: Path) -> None:
    if shutil.which("cmake") is None:
        pytest.skip("cmake is not installed")
    folder, _, _ = emitted
    commands = (
        ["cmake", "-S", str(folder), "-B", str(tmp_path), "-DNET_SELF_TEST=ON"],
        ["cmake", "--build", str(tmp_path)],
        ["ctest", "--test-dir", str(tmp_path), "--output-on-failure"],
    )
    for command in commands:
        subprocess.run(command, check=True, capture_output=True)


def test_lines_of_a_longer_name() -> None:
    graph = every_operator()
    schedule, plan = schedule_and_plan(graph, GENERIC)
    memories = some_of(plan.size_bytes // 2, 4000)
    banner = {"target": "t", "model": "m", "digest": "d"}
    program = lower_into(memories, schedule, plan, "mobilenet_v1", **banner).program
    for file, text in emit((program,), (Golden((), ()),)).items():
        if not file.endswith((".txt", "_test.h")):
            assert max(map(len, text.splitlines())) <= 100, file


def test_a_write_beyond_a_part_is_caught(tmp_path: Path) -> None:
    graph = every_operator()
    planned = schedule_and_plan(graph, GENERIC)
    inputs = samples(graph, np.random.default_rng(0))
    memories = some_of(planned[1].size_bytes // 2, 4000)
    program = write_c(graph, GENERIC, tmp_path, inputs, planned, memories)
    part = program.interface.arenas[0]
    source = tmp_path / "net.c"
    text = source.read_text()
    line = f"    int8_t *const {part.memory}_arena = (int8_t *)arena->{part.memory};\n"
    assert line in text
    beyond = f"{line}\n    {part.memory}_arena[{part.size_bytes}] ^= 1;\n"
    source.write_text(text.replace(line, beyond))
    with pytest.raises(VerificationFailed, match="wrote outside the arena, on the host"):
        run_host(build_host(tmp_path, program.interface, tmp_path), inputs)


def test_only_used_memories_have_a_part(tmp_path: Path) -> None:
    graph = every_operator()
    inputs = samples(graph, np.random.default_rng(0))
    memories = choose_memories(TARGET, {"all": None, "psram": None, "qspi": None})
    planned = schedule_and_plan(graph, ARM_DSP)
    program = write_c(graph, ARM_DSP, tmp_path, inputs, planned, memories)
    assert [arena.memory for arena in program.interface.arenas] == ["dtcm"]
    header = (tmp_path / "net.h").read_text()
    assert "void *dtcm;" in header and "sram" not in header
    assert re.findall(r"> (\w+)$", (tmp_path / "net_sections.ld").read_text(), re.MULTILINE) == [
        "FLASH",
        "DTCM",
    ]


@few
@given(networks(), st.floats(0.2, 0.9), st.floats(0.2, 0.9))
def test_random_networks_in_three_memories(graph: Graph, first: float, second: float) -> None:
    planned = schedule_and_plan(graph, ARM_DSP)
    size = planned[1].size_bytes
    memories = tuple(
        replace(memory, size_bytes=part)
        for memory, part in zip(
            choose_memories(TARGET, {"dtcm": None, "axi_sram": None, "sram_d2": None}),
            (int(size * first), int(size * second), size),
            strict=True,
        )
    )
    rng = np.random.default_rng(0)
    assert_c_equals_reference(graph, ARM_DSP, rng, planned, memories)
