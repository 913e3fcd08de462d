"""The emitted C on the host: right results, and what it must not do is seen."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from codegen.errors import BadCalibrationData, MissingTool, ToolFailed, VerificationFailed
from codegen.toolchain import (
    Compiler,
    build_host,
    build_sanitized,
    host_compiler,
    list_compilers,
    run_host,
    run_sanitized,
)
from codegen.toolchain import tools as tools_module
from codegen.toolchain.host_loop import SAMPLES_A_CALL
from tests.toolchain.toy_network import Network, mutated, toy_inputs, toy_reference

COMPILERS = list_compilers()
compilers = pytest.mark.parametrize("compiler", COMPILERS, ids=lambda c: c.name)


@compilers
def test_results(toy: Network, compiler: Compiler, tmp_path: Path) -> None:
    inputs = toy_inputs(20)
    (outputs,) = run_host(build_host(toy.folder, toy.interface, tmp_path, compiler), [inputs])
    np.testing.assert_array_equal(outputs, toy_reference(inputs))


@compilers
def test_results_under_sanitizers(toy: Network, compiler: Compiler, tmp_path: Path) -> None:
    inputs = toy_inputs(3)
    build = build_sanitized(toy.folder, toy.interface, tmp_path, compiler)
    assert build.sanitizers == "address,undefined" or compiler.name != "gcc"
    (outputs,) = run_sanitized(build, [inputs])
    np.testing.assert_array_equal(outputs, toy_reference(inputs))


def test_a_given_arena_keeps_what_it_holds(toy: Network, tmp_path: Path) -> None:
    """The first layer left out, the second reads what stood in the arena before."""
    late = mutated(toy, tmp_path, "    layer_000(arena);\n", "    (void)layer_000;\n")
    (tmp_path / "whole").mkdir()
    inputs = toy_inputs(1)
    arena = np.full(100, 7, np.uint8)
    run_host(build_host(toy.folder, toy.interface, tmp_path / "whole"), [inputs], arena)
    assert (arena[80:] == 7).all()
    assert (arena[:80] != 7).any()
    build = build_host(late.folder, late.interface, tmp_path)
    (outputs,) = run_host(build, [toy_inputs(2)[1:]], arena)
    np.testing.assert_array_equal(outputs, toy_reference(inputs))


def test_no_samples(toy: Network, tmp_path: Path) -> None:
    (outputs,) = run_host(build_host(toy.folder, toy.interface, tmp_path), [toy_inputs(0)])
    assert outputs.shape == (0, 8)


@pytest.mark.parametrize("offset", [80, -1])
def test_write_outside_the_arena(toy: Network, tmp_path: Path, offset: int) -> None:
    call = f"    ((int8_t *)arena)[{offset}] ^= 1;\n    layer_001(arena);\n"
    bad = mutated(toy, tmp_path, "    layer_001(arena);\n", call)
    build = build_host(bad.folder, bad.interface, tmp_path)
    with pytest.raises(VerificationFailed, match="toy_invoke wrote outside the arena"):
        run_host(build, [toy_inputs(1)])


def test_the_sample_that_writes_outside_is_named(toy: Network, tmp_path: Path) -> None:
    """One that lies beyond those that the loop in C runs at a call."""
    call = "    const int first = *toy_input(arena);\n    layer_000(arena);\n"
    fault = f"{call}    ((int8_t *)arena)[80] ^= (first == {SAMPLES_A_CALL + 2});\n"
    bad = mutated(toy, tmp_path, "    layer_000(arena);\n", fault)
    inputs = toy_inputs(2 * SAMPLES_A_CALL)
    inputs[:, 0, 0, 0] = np.arange(len(inputs))
    with pytest.raises(VerificationFailed) as caught:
        run_host(build_host(bad.folder, bad.interface, tmp_path), [inputs])
    assert caught.value.problems[0].where == f"sample {SAMPLES_A_CALL + 2}"


@pytest.mark.parametrize("count", [0, 1, SAMPLES_A_CALL, 2 * SAMPLES_A_CALL + 1])
def test_inputs_need_not_be_contiguous(toy: Network, tmp_path: Path, count: int) -> None:
    inputs = toy_inputs(2 * count)[::2]
    (outputs,) = run_host(build_host(toy.folder, toy.interface, tmp_path), [inputs])
    np.testing.assert_array_equal(outputs, toy_reference(inputs))


def test_read_of_unwritten_memory_shows(toy: Network, tmp_path: Path) -> None:
    bad = mutated(toy, tmp_path, "    layer_000(arena);\n", "    (void)layer_000;\n")
    inputs = toy_inputs(2)
    (outputs,) = run_host(build_host(bad.folder, bad.interface, tmp_path), [inputs])
    assert not np.array_equal(outputs, toy_reference(inputs))


@pytest.mark.parametrize(
    ("fault", "finding"),
    [
        ("((volatile int8_t *)arena)[80] = 1;", "heap-buffer-overflow"),
        ("volatile int32_t big = 2147483647; big += 1 + (arena == 0);", "signed integer overflow"),
    ],
)
def test_sanitizers_name_the_fault(toy: Network, tmp_path: Path, fault: str, finding: str) -> None:
    gcc = next((c for c in COMPILERS if c.name == "gcc"), None)
    if gcc is None:
        pytest.skip("gcc is absent: no AddressSanitizer here")
    bad = mutated(toy, tmp_path, "    layer_001(arena);\n", f"    layer_001(arena);\n{fault}\n")
    build = build_sanitized(bad.folder, bad.interface, tmp_path, gcc)
    with pytest.raises(ToolFailed, match=finding):
        run_sanitized(build, [toy_inputs(1)])


def test_error_of_the_compiler_reaches_the_user(toy: Network, tmp_path: Path) -> None:
    bad = mutated(toy, tmp_path, "    layer_001(arena);\n", "    layer_002(arena)\n")
    with pytest.raises(ToolFailed, match="expected"):
        build_host(bad.folder, bad.interface, tmp_path)


@pytest.mark.parametrize(
    "inputs",
    [toy_inputs(2).astype(np.int16), toy_inputs(2).reshape(2, 32)],
    ids=["int16", "flat"],
)
def test_other_inputs_are_refused(toy: Network, tmp_path: Path, inputs: np.ndarray) -> None:
    build = build_host(toy.folder, toy.interface, tmp_path)
    with pytest.raises(BadCalibrationData, match=r"takes int8 \(samples, 4, 4, 2\)"):
        run_host(build, [inputs])


def test_zig_stands_in_for_the_system_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tools_module.shutil, "which", lambda name: None)
    assert [c.name for c in list_compilers()] in ([], ["zig"])
    monkeypatch.setattr(tools_module.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingTool, match="apt-get install gcc, or pip install"):
        host_compiler()


def test_zig_gets_a_cache_it_can_write_to(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("ZIG_GLOBAL_CACHE_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert tools_module.zig_environment() == {}
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert "codegen-zig-" in tools_module.zig_environment()["ZIG_GLOBAL_CACHE_DIR"]
    monkeypatch.setenv("ZIG_GLOBAL_CACHE_DIR", "/elsewhere")
    assert tools_module.zig_environment() == {}
