"""The emitted C: clean under every compiler, deterministic, private, and right when it runs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from codegen.ir.evaluate import evaluate
from codegen.ir.program import Program
from codegen.plan import make_plan
from codegen.schedule.assemble import assemble
from codegen.schedule.assign import assign_kernels
from codegen.toolchain.compile_check import Language, find_warnings
from codegen.toolchain.host import build_host, run_host
from codegen.toolchain.sanitize import build_sanitized, run_sanitized
from codegen.toolchain.tools import Compiler, list_compilers
from tests.emit.formatting import assert_formatted
from tests.emit.network import every_operator
from tests.ops.harness import ARM_DSP, ARM_MVE, GENERIC, HOST, LANES, samples, write_c

RNG_SEED = 4
COLUMNS = 100


CASES = [(families, streamed) for families in (GENERIC, ARM_DSP) for streamed in (False, True)]
CASES += [(ARM_MVE, False), (LANES, False), (HOST, True)]


@pytest.fixture(
    scope="module", params=CASES, ids=lambda c: f"{c[0][0]}-{'streamed' if c[1] else 'layers'}"
)
def emitted(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Program]:
    """A folder with the network of every operator, layer by layer or as one nest."""
    families, streamed = request.param
    folder = tmp_path_factory.mktemp("net")
    graph = every_operator()
    inputs = samples(graph, np.random.default_rng(RNG_SEED))
    assigned = assign_kernels(graph, families)
    places = range(len(assigned.steps) + 1)
    schedule = assemble(assigned, (places[0], places[-1]) if streamed else tuple(places))
    planned = schedule, make_plan(schedule)
    return folder, write_c(graph, families, folder, inputs, planned)


@pytest.mark.parametrize("language", ["c99", "c++17"])
@pytest.mark.parametrize("compiler", list_compilers(), ids=lambda c: c.name)
def test_no_warnings(emitted: tuple[Path, Program], compiler: Compiler, language: Language) -> None:
    folder, program = emitted
    if language == "c++17" and compiler.cxx is None:
        pytest.skip(f"{compiler.name} comes without C++")
    assert find_warnings(folder, program.interface, compiler, language) == ""


def test_host_equals_reference(emitted: tuple[Path, Program], tmp_path: Path) -> None:
    folder, program = emitted
    graph = every_operator()
    inputs = samples(graph, np.random.default_rng(RNG_SEED), count=20)
    outputs = run_host(build_host(folder, program.interface, tmp_path), inputs)
    expected = evaluate(graph, inputs)
    for name, got in zip(graph.outputs, outputs, strict=True):
        np.testing.assert_array_equal(got, expected[name])


def test_sanitizers_find_nothing(emitted: tuple[Path, Program], tmp_path: Path) -> None:
    folder, program = emitted
    graph = every_operator()
    inputs = samples(graph, np.random.default_rng(RNG_SEED))
    outputs = run_sanitized(build_sanitized(folder, program.interface, tmp_path), inputs)
    np.testing.assert_array_equal(outputs[0], evaluate(graph, inputs)["y"])


def test_only_prefixed_names_are_visible(emitted: tuple[Path, Program]) -> None:
    folder, _ = emitted
    macros = {
        name
        for file in folder.glob("*.[ch]")
        for name in re.findall(r"^#define (\w+)", file.read_text(), re.MULTILINE)
    }
    assert all(name.startswith("NET_") for name in macros)
    code = (folder / "net.c").read_text() + (folder / "net_weights.c").read_text()
    visible = re.findall(r"^(?!static|NET_|typedef)\w[\w \*]*?\b(\w+)[\(\[]", code, re.MULTILINE)
    assert visible
    assert all(name.startswith("net_") for name in visible)


def test_the_c_is_freestanding_and_tidy(emitted: tuple[Path, Program]) -> None:
    folder, _ = emitted
    text = (folder / "net.c").read_text()
    assert set(re.findall(r"#include <(.*)>", text)) == {"stddef.h", "stdint.h", "string.h"}
    assert not re.search(
        r"\b(float|double|malloc|goto)\b", re.sub(r"/\*.*?\*/", "", text, flags=re.S)
    )
    lines = [
        f"{file.name}:{i}: {line}"
        for file in folder.glob("*.[ch]")
        for i, line in enumerate(file.read_text().splitlines(), 1)
        if len(line) > COLUMNS or line != line.rstrip() or "\t" in line
    ]
    assert lines == []


def test_clang_format_has_nothing_to_change(emitted: tuple[Path, Program]) -> None:
    folder, _ = emitted
    assert_formatted(folder)


EMIT = """
import sys
import numpy as np
from pathlib import Path
from tests.emit.network import every_operator
from tests.ops.harness import ARM_DSP, samples, write_c
graph = every_operator()
write_c(graph, ARM_DSP, Path(sys.argv[1]), samples(graph, np.random.default_rng(0)))
"""


def test_same_bytes_whatever_the_hash_seed(tmp_path: Path) -> None:
    found = []
    for seed in ("0", "1234"):
        folder = tmp_path / seed
        folder.mkdir()
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        command = [sys.executable, "-c", EMIT, str(folder)]
        root = Path(__file__).parents[2]
        subprocess.run(command, check=True, cwd=root, env=environment)
        found.append({file.name: file.read_bytes() for file in sorted(folder.iterdir())})
    assert found[0] == found[1]
