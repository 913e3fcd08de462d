"""ELF files for each core: what they hold, show and need."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from codegen.errors import BadTarget, MissingTool, ToolFailed
from codegen.targets import load_target
from codegen.toolchain import TargetBuild, build_target, emulate, read_facts
from codegen.toolchain.elf import read_functions
from tests.toolchain.toy_network import (
    Network,
    mutated,
    needs_target_tools,
    toy_inputs,
    toy_reference,
)

pytestmark = needs_target_tools

SHOWN = ("toy_dense_weights", "toy_input", "toy_invoke", "toy_output", "toy_run")


def test_facts(toy_build: TargetBuild) -> None:
    facts = read_facts(toy_build)
    assert facts.weights_bytes == 256
    assert 200 < facts.code_bytes < 1500
    assert facts.flash_bytes == facts.code_bytes + facts.weights_bytes
    assert 0 < facts.runtime_bytes < facts.code_bytes
    assert facts.ram_bytes == 0
    assert facts.defined == SHOWN
    assert set(facts.imported) <= {"memcpy", "__aeabi_memcpy", "__aeabi_lmul"}


def test_code_is_compiled_for_the_extensions_that_a_riscv_target_lists(
    toy: Network, tmp_path: Path
) -> None:
    plain = load_target("rv32imc")
    for target, has_zbb in ((plain, False), (replace(plain, isa=(*plain.isa, "zbb")), True)):
        build = build_target(toy.folder, toy.interface, target, tmp_path)
        assert (b"_zbb" in build.elf.read_bytes()) == has_zbb


def test_functions(toy_build: TargetBuild) -> None:
    functions = read_functions(toy_build.elf)
    names = {function.name for function in functions}
    assert {"layer_000", "layer_001", "dot", "toy_invoke", "toy_run", "memcpy"} <= names
    assert all(f.start % 2 == 0 and f.end > f.start for f in functions if f.name in SHOWN)


def test_writable_data_is_counted(toy: Network, tmp_path: Path) -> None:
    line = "    layer_001(arena);\n"
    bad = mutated(
        toy, tmp_path, line, f"    static int32_t runs[3] = {{1}};\n    ++runs[0];\n{line}"
    )
    facts = read_facts(build_target(bad.folder, bad.interface, load_target("cortex-m4"), tmp_path))
    assert 4 <= facts.ram_bytes <= 12


def test_image_larger_than_the_part_links(toy: Network, tmp_path: Path) -> None:
    target = load_target("cortex-m0plus")
    big = mutated(toy, tmp_path, "#include <stddef.h>\n", "#include <stddef.h>\n")
    size = target.size_bytes("flash") + 1
    weights = big.folder / "toy_weights.c"
    weights.write_text(weights.read_text().replace("[256] = {", f"[{size}] = {{"))
    header = big.folder / "toy_weights.h"
    header.write_text(header.read_text().replace("[256]", f"[{size}]"))
    build = build_target(big.folder, big.interface, target, tmp_path)
    assert read_facts(build).weights_bytes == size


@pytest.mark.parametrize("core", ["cortex-m0plus", "cortex-m4", "cortex-m33"])
def test_gnu_compiler(toy: Network, tmp_path: Path, core: str) -> None:
    if shutil.which("arm-none-eabi-gcc") is None:
        pytest.skip("arm-none-eabi-gcc is absent (apt-get install gcc-arm-none-eabi)")
    build = build_target(toy.folder, toy.interface, load_target(core), tmp_path, "gcc")
    facts = read_facts(build)
    assert (facts.weights_bytes, facts.ram_bytes, facts.defined) == (256, 0, SHOWN)
    inputs = toy_inputs(2)
    run = emulate(build, [inputs], count=True)
    assert (run.outputs[0] == toy_reference(inputs)).all()
    assert run.cost is not None and len(run.cost.layers) == 2


def test_absent_gnu_compiler(toy: Network, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingTool, match="apt-get install gcc-arm-none-eabi"):
        build_target(toy.folder, toy.interface, load_target("cortex-m4"), tmp_path, "gcc")


def test_target_without_the_compiler(toy: Network, tmp_path: Path) -> None:
    with pytest.raises(BadTarget, match="'rv32imc' has no arguments for gcc"):
        build_target(toy.folder, toy.interface, load_target("rv32imc"), tmp_path, "gcc")
    with pytest.raises(BadTarget, match="'host' has no arguments for zig"):
        build_target(toy.folder, toy.interface, load_target("host"), tmp_path)


def test_unresolved_symbol(toy: Network, tmp_path: Path) -> None:
    line = "    layer_001(arena);\n"
    bad = mutated(toy, tmp_path, line, f"    extern void malloc(int);\n    malloc(1);\n{line}")
    with pytest.raises(ToolFailed, match="malloc"):
        build_target(bad.folder, bad.interface, load_target("cortex-m4"), tmp_path)
