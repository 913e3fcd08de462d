"""Networks in one library: what they share stands once, the rest is as it is alone."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from codegen.emit import Golden, emit
from codegen.emit.folder import write_files
from codegen.ir.evaluate import evaluate
from codegen.ir.graph import Graph
from codegen.ir.interface import shared_arena
from codegen.ir.program import Program, all_constants, all_functions
from codegen.lower import certify, lower
from codegen.ops import Conv2d, MaxPool
from codegen.plan.solve import schedule_and_plan
from codegen.toolchain.compile_check import Language, find_warnings
from codegen.toolchain.host import build_host, run_host
from codegen.toolchain.sanitize import build_sanitized, run_sanitized
from codegen.toolchain.tools import Compiler, list_compilers
from codegen.verify import check_plan
from tests.emit.formatting import assert_formatted
from tests.emit.network import Builder, every_operator
from tests.ops.harness import ARM_DSP, GENERIC, int8, samples

ROOT = Path(__file__).parents[2]


def begins_alike() -> Graph:
    """Return a network that begins with the first layer of `every_operator`."""
    b = Builder(int8((16, 17, 3), 0.05, -3))
    b.add(Conv2d((2, 2), (0, 0, 1, 1)), ("x",), "c1", weights=(8, 3, 3, 3))
    b.add(MaxPool((2, 2), (2, 2)), ("c1",), "m1")
    b.add(Conv2d(), ("m1",), "wide", weights=(96, 1, 1, 8))
    b.add(Conv2d((1, 1), (1, 1, 1, 1)), ("wide",), "y", weights=(5, 3, 3, 96))
    return b.graph("y")


GRAPHS = {"every": every_operator, "alike": begins_alike, "twin": begins_alike}
BUNDLE = ("every", "alike")


def lower_all(names: tuple[str, ...], families: tuple[str, ...], library: str) -> list[Program]:
    """Return the programs of some of GRAPHS, each beside those before."""
    programs: list[Program] = []
    for name in names:
        schedule, plan = schedule_and_plan(GRAPHS[name](), families)
        banner = {"target": "test", "model": "test", "digest": "0" * 8}
        programs.append(lower(schedule, plan, name, library=library, beside=programs, **banner))
        check_plan(certify(programs[-1], schedule, plan))
    return programs


def emit_all(programs: list[Program]) -> dict[str, str]:
    goldens = []
    for program in programs:
        graph = GRAPHS[program.interface.name]()
        first = tuple(x[:1] for x in samples(graph, np.random.default_rng(1)))
        outputs = evaluate(graph, first)
        goldens.append(Golden(first, tuple(outputs[name] for name in graph.outputs)))
    return emit(programs, goldens)


@pytest.fixture(scope="module", params=(GENERIC, ARM_DSP), ids=lambda families: families[0])
def bundle(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, list[Program]]:
    """A folder with a library of two networks."""
    folder = tmp_path_factory.mktemp("bundle")
    programs = lower_all(BUNDLE, request.param, "lib")
    write_files(folder, emit_all(programs))
    return folder, programs


@pytest.mark.parametrize("language", ["c99", "c++17"])
@pytest.mark.parametrize("compiler", list_compilers(), ids=lambda c: c.name)
def test_no_warnings(
    bundle: tuple[Path, list[Program]], compiler: Compiler, language: Language
) -> None:
    folder, programs = bundle
    if language == "c++17" and compiler.cxx is None:
        pytest.skip(f"{compiler.name} comes without C++")
    for program in programs:
        assert find_warnings(folder, program.interface, compiler, language) == ""


def test_every_network_equals_its_reference(
    bundle: tuple[Path, list[Program]], tmp_path: Path
) -> None:
    folder, programs = bundle
    build = build_host(folder, programs[0].interface, tmp_path)
    for program in programs:
        graph = GRAPHS[program.interface.name]()
        inputs = samples(graph, np.random.default_rng(4))
        expected = evaluate(graph, inputs)
        hosted = run_host(replace(build, interface=program.interface), inputs)
        sanitized = run_sanitized(build_sanitized(folder, program.interface, tmp_path), inputs)
        for name, first, second in zip(graph.outputs, hosted, sanitized, strict=True):
            np.testing.assert_array_equal(first, expected[name])
            np.testing.assert_array_equal(second, expected[name])


def test_nothing_equal_is_stored_twice(bundle: tuple[Path, list[Program]]) -> None:
    folder, programs = bundle
    contents = [(c.ctype, c.values.tobytes()) for c in all_constants(programs)]
    assert len(set(contents)) == len(contents)
    weights = (folder / "lib_weights.c").read_text(encoding="utf-8")
    assert weights.count("\nconst ") == len(contents)
    code = (folder / "lib.c").read_text(encoding="utf-8")
    definitions = re.findall(r"^(?:static|LIB_\w+) \w+ \*?(\w+)\(", code, re.MULTILINE)
    assert len(set(definitions)) == len(definitions)
    assert {function.name for function in all_functions(programs)} <= set(definitions)


def test_programs_name_what_they_use_and_no_more(bundle: tuple[Path, list[Program]]) -> None:
    _, (every, alike) = bundle
    assert {c.name for c in alike.constants} == {n for x in alike.layers for n in x.constants}
    assert {f.name for f in alike.functions} == {x.function.name for x in alike.layers}
    assert alike.layers[0].constants == every.layers[0].constants
    assert alike.layers[0].function == every.layers[0].function
    assert all(layer.name.startswith("alike_layer_") for layer in alike.layers)


def test_a_network_like_another_adds_no_function_and_no_constant() -> None:
    alike, twin = lower_all(("alike", "twin"), ARM_DSP, "lib")
    assert twin.functions == alike.functions
    assert twin.constants == alike.constants
    assert [x.constants for x in twin.layers] == [x.constants for x in alike.layers]
    assert all(c.name.startswith("alike_layer_") for c in twin.constants)


def test_headers_are_those_of_the_networks_alone(bundle: tuple[Path, list[Program]]) -> None:
    folder, programs = bundle
    for program in programs:
        name = program.interface.name
        families = tuple({x.function.kernel.family: None for x in program.layers})
        chosen = ARM_DSP if "arm_dsp" in families else GENERIC
        alone = emit_all(lower_all((name,), chosen, ""))
        for file in (f"{name}.h", f"{name}_test.h"):
            assert (folder / file).read_text(encoding="utf-8") == alone[file]


def test_the_arena_is_the_larger_one(bundle: tuple[Path, list[Program]]) -> None:
    folder, programs = bundle
    size, align = shared_arena([program.interface for program in programs])
    assert size == max(program.interface.arena_bytes for program in programs)
    text = (folder / "lib.h").read_text(encoding="utf-8")
    assert f"#define LIB_ARENA_SIZE {size}\n#define LIB_ARENA_ALIGN {align}\n" in text
    assert all(f'#include "{name}.h"\n' in text for name in BUNDLE)


def test_only_prefixed_names_are_visible(bundle: tuple[Path, list[Program]]) -> None:
    folder, _ = bundle
    code = "".join((folder / name).read_text() for name in ("lib.c", "lib_weights.c"))
    visible = re.findall(r"^(?!static|LIB_|typedef)\w[\w \*]*?\b(\w+)[\(\[]", code, re.MULTILINE)
    assert visible
    assert all(name.startswith(tuple(f"{network}_" for network in BUNDLE)) for name in visible)


def test_clang_format_has_nothing_to_change(bundle: tuple[Path, list[Program]]) -> None:
    folder, _ = bundle
    assert_formatted(folder)


def test_cmake_builds_and_runs_every_self_test(
    bundle: tuple[Path, list[Program]], tmp_path: Path
) -> None:
    folder, _ = bundle
    if shutil.which("cmake") is None:
        pytest.skip("cmake is not installed")
    configure = ["cmake", "-S", str(folder), "-B", str(tmp_path), "-DLIB_SELF_TEST=ON"]
    for command in (configure, ["cmake", "--build", str(tmp_path)]):
        subprocess.run(command, check=True, capture_output=True)
    for name in BUNDLE:
        subprocess.run([tmp_path / f"{name}_self_test"], check=True)
