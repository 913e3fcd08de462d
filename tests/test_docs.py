"""The documentation is complete, and its examples work."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from codegen.bench import SCHEMA as BENCH_SCHEMA
from codegen.bench import compare_runs, runs_to_json
from codegen.cli import cli
from codegen.errors import CodegenError
from codegen.frontend.convert import CONVERTERS
from codegen.ir.report import Agreement, Check, Difference, Synthesis, Timing
from codegen.options import Options
from codegen.pipeline import compile_model
from codegen.project import describe
from codegen.report import BUNDLE_SCHEMA, SCHEMA, bundle_to_json, make_bundle, report_to_json
from codegen.targets import Memory, Target, load_target
from codegen.toolchain.kinds import Kind
from codegen.toolchain.tools import host_compiler
from codegen.verify import SharedStudy, plan_to_json
from tests.bench.test_compare import LAYER, RUN
from tests.report.test_compression import STEPS
from tests.report.test_trade import TRADE
from tests.toy_model import write_toy

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
RUN_BLOCK = re.compile(r"<!-- run -->\n+```console\n(.*?)```", re.DOTALL)
C_PROGRAM = re.compile(r"```c\n((?:(?!```).)*int main\(.*?)```", re.DOTALL)


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def subclasses(kind: type[CodegenError]) -> Iterator[type[CodegenError]]:
    for child in kind.__subclasses__():
        yield child
        yield from subclasses(child)


@pytest.mark.parametrize("error", sorted(subclasses(CodegenError), key=lambda e: e.code))
def test_every_error_is_documented(error: type[CodegenError]) -> None:
    assert f"| `{error.code}` | {error.exit_status} | {error.summary} |" in read("docs/errors.md")


def test_no_other_error_is_documented() -> None:
    documented = set(re.findall(r"^\| `([a-z-]+)` \|", read("docs/errors.md"), re.MULTILINE))
    assert documented == {error.code for error in subclasses(CodegenError)} | {"internal"}


def keys(document: Any, path: str = "") -> Iterator[str]:
    """Yield the path of every key, `[]` for the elements of a list."""
    if isinstance(document, dict):
        for key, value in document.items():
            yield f"{path}{key}"
            yield from keys(value, f"{path}{key}.")
    elif isinstance(document, list):
        for item in document:
            yield from keys(item, f"{path.removesuffix('.')}[].")


def test_every_key_of_the_report_is_documented(tmp_path: Path) -> None:
    memories = {"dtcm": 100, "axi_sram": None, "flash": 150, "qspi": None}
    options = Options(str(write_toy(tmp_path)), "cortex-m7", memories=memories)
    report = describe(compile_model(options))
    assert report.memories and report.interface.arenas
    difference = Difference("sample 0", "scores", 0, 1, 2, "")
    report = replace(
        report,
        agreement=Agreement(1, 1.0, 0, 0.0),
        trade=TRADE,
        compression=STEPS,
        synthesis=Synthesis(("Yosys 0.70",), 6, 2, 8, 1, 1, 9, 100.0, (Timing(1, 104.5),)),
        checks=(Check("host", "generic", 1, 3, difference),),
    )
    text = read("docs/report.md")
    assert f"`{SCHEMA}`" in text
    documented = set(re.findall(r"`([^`]+)`", text))
    bundle = make_bundle("pair", (report, report), load_target("cortex-m7"), (), SharedStudy())
    turns = replace(report.checks[0], networks=("toy", "toy"))
    both = bundle_to_json(replace(bundle, checks=(turns,), notes=("a note",)))
    assert f"`{BUNDLE_SCHEMA}`" in text
    found = {*keys(json.loads(report_to_json(report))), *keys(json.loads(both))}
    for key in {key.removeprefix("networks[].") for key in found}:
        short = re.sub(r"^interface\.(in|out)puts\[\]\.", "….", key)
        short = re.sub(r"^checks\[\]\.difference\.", "", short)
        names = {short, f"{short}[]"}
        container = any(name.startswith((f"{short}.", f"{short}[].")) for name in documented)
        assert names & documented or container, f"{key} is not in docs/report.md"


def test_every_key_of_the_plan_is_documented(tmp_path: Path) -> None:
    certificate = compile_model(Options(str(write_toy(tmp_path)), "cortex-m7")).certificate
    documented = set(re.findall(r"`([^`]+)`", read("docs/plan.md")))
    for key in set(keys(json.loads(plan_to_json(certificate)))):
        short = key.replace("nests[].steps[].", "….")
        names = {key, f"{key}[]", short, f"{short}[]", key.rpartition(".")[2]}
        container = any(name.startswith((f"{key}[].", f"{short}[].")) for name in documented)
        assert names & documented or container, f"{key} is not in docs/plan.md"


def test_every_key_of_a_benchmark_is_documented() -> None:
    runs = (replace(RUN, layers=(LAYER,)),)
    document = json.loads(runs_to_json(runs, [compare_runs(*runs, *runs)]))
    documented = set(re.findall(r"`([^`\n]+)`", read("docs/bench.md")))
    assert BENCH_SCHEMA in documented
    for key in set(keys(document)):
        if ".classes." in key or ".opcodes." in key:
            continue
        short = re.sub(r"^comparisons\[\]\.(total|layers\[\])\.", "", key)
        names = {short, f"{short}[]", short.replace("runs[].layers[].", "….")}
        container = any(name.startswith(f"{short}.") for name in documented)
        assert names & documented or container, f"{key} is not in docs/bench.md"
    assert {kind.value for kind in Kind} <= documented


def test_every_key_of_a_target_is_documented() -> None:
    text = read("docs/targets.md")
    for field in fields(Target):
        assert f"| `{field.name}` |" in text


def test_every_key_of_a_memory_is_documented() -> None:
    documented = set(re.findall(r"`(\w+)`", read("docs/targets.md")))
    assert {field.name for field in fields(Memory)} <= documented


def test_every_onnx_operator_is_named() -> None:
    printed = CliRunner().invoke(cli, ["operators", "--markdown"]).stdout
    assert read("docs/operators.md") == printed
    assert all(f"| {name} |" in printed for name, _ in CONVERTERS)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
        assert "://" in link or (page.parent / link).exists(), link


def commands() -> list[tuple[str, str]]:
    """Return page and script of every block that says it can be run."""
    found = []
    for page in PAGES:
        for block in RUN_BLOCK.findall(page.read_text(encoding="utf-8")):
            lines = [line[2:] for line in block.splitlines() if line.startswith("$ ")]
            found.append((page.name, "\n".join(lines)))
    return found


def test_some_examples_can_be_run() -> None:
    assert {page for page, _ in commands()} >= {"README.md"}


@pytest.mark.parametrize(("page", "script"), commands())
def test_examples_run(page: str, script: str, tmp_path: Path) -> None:
    write_toy(tmp_path, "my_network.onnx")
    (tmp_path / "bin").mkdir()
    command = tmp_path / "bin" / "codegen"
    command.write_text(
        f'#!/bin/sh\nexec {sys.executable} -c "from codegen.cli import main; main()" "$@"\n'
    )
    command.chmod(0o755)
    path = f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["sh", "-euc", script],
        cwd=tmp_path,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


def test_the_c_example_with_rows_compiles(tmp_path: Path) -> None:
    blocks = re.findall(r"```c\n((?:(?!```).)*?)```", read("README.md"), re.DOTALL)
    (example,) = [block for block in blocks if "push_row" in block]
    network = {"alpha": 0.25, "resolution": 32, "classes": 10}
    options = Options("mobilenet_v1", "cortex-m7", network=network, input_mode="rows")
    header = compile_model(options).files["mobilenet_v1.h"]
    assert isinstance(header, str)
    (tmp_path / "mobilenet_v1.h").write_text(header, encoding="utf-8")
    (tmp_path / "rows.c").write_text(example, encoding="utf-8")
    flags = ["-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-c"]
    subprocess.run([*host_compiler().c, *flags, "rows.c"], cwd=tmp_path, check=True)


def test_the_c_example_runs(tmp_path: Path) -> None:
    (program,) = C_PROGRAM.findall(read("README.md"))
    network = {"alpha": 0.25, "resolution": 96, "classes": 10}
    files = compile_model(Options("mobilenet_v1", "cortex-m7", network=network)).files
    for name, content in files.items():
        data = content.encode() if isinstance(content, str) else content
        (tmp_path / name).write_bytes(data)
    (tmp_path / "main.c").write_text(program, encoding="utf-8")
    flags = ["-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-o", "example"]
    sources = ["main.c", "mobilenet_v1.c", "mobilenet_v1_weights.c"]
    subprocess.run([*host_compiler().c, *flags, *sources], cwd=tmp_path, check=True)
    done = subprocess.run([tmp_path / "example"], capture_output=True, text=True)
    assert done.returncode == 0
    assert re.fullmatch(r"class \d: 0\.\d+\n", done.stdout)
