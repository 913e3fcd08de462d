"""Every way in which inputs and outputs pass: right, clean, and refusing what is misuse."""

from __future__ import annotations

import re
import shutil
import subprocess
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from codegen.errors import VerificationFailed
from codegen.ir.evaluate import evaluate
from codegen.ir.graph import Graph
from codegen.ir.interface import Transfer
from codegen.ir.program import Program
from codegen.ir.types import Array
from codegen.options import InputMode, OutputMode
from codegen.plan.solve import schedule_and_plan
from codegen.targets import load_target
from codegen.toolchain import TargetBuild, build_target, emulate
from codegen.toolchain.compile_check import Language, find_warnings
from codegen.toolchain.drive import find_addresses, infer
from codegen.toolchain.emulate import EmulatedDevice
from codegen.toolchain.host import HostDevice, build_host, run_host
from codegen.toolchain.machine import load_machine
from codegen.toolchain.ports import split_batch
from codegen.toolchain.sanitize import build_sanitized, run_sanitized
from codegen.toolchain.tools import host_compiler, import_package, list_compilers
from tests.emit.network import every_operator
from tests.ops.harness import ARM_DSP, samples, write_c
from tests.toolchain.toy_network import needs_target_tools

INPUT_MODES: tuple[InputMode, ...] = ("arena", "const", "rows")
OUTPUT_MODES: tuple[OutputMode, ...] = ("arena", "rows")
TRANSFERS = [Transfer(i, o) for i, o in product(INPUT_MODES, OUTPUT_MODES)]
WANTS_ROW, READY, NOT_BEGUN, TOO_MANY_ROWS, NULL_POINTER = 0, 1, -1, -2, -3
SELF_TEST = """
#include "net_test.h"
#include <stdlib.h>
int main(void) { return net_self_test(malloc(NET_ARENA_SIZE)); }
"""


def network(transfer: Transfer) -> Graph:
    """The network of every operator; of its outputs only the image where rows are delivered."""
    graph = every_operator()
    return graph if transfer.outputs == "arena" else graph.with_nodes(graph.nodes, outputs=("a1",))


Emitted = tuple[Path, Program, Graph]


@pytest.fixture(
    scope="module", params=TRANSFERS, ids=lambda transfer: f"{transfer.inputs}-{transfer.outputs}"
)
def emitted(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Emitted:
    """A folder in each mode of transfer."""
    return emit(request.param, tmp_path_factory.mktemp("net"))


def emit(transfer: Transfer, folder: Path) -> Emitted:
    graph = network(transfer)
    inputs = samples(graph, np.random.default_rng(4))
    planned = schedule_and_plan(graph, ARM_DSP, transfer)
    return folder, write_c(graph, ARM_DSP, folder, inputs, planned), graph


def test_host_equals_reference(emitted: Emitted, tmp_path: Path) -> None:
    folder, program, graph = emitted
    inputs = samples(graph, np.random.default_rng(5))
    outputs = run_host(build_host(folder, program.interface, tmp_path), inputs)
    expected = evaluate(graph, inputs)
    for name, got in zip(graph.outputs, outputs, strict=True):
        np.testing.assert_array_equal(got, expected[name])


def test_run_takes_whole_inputs_and_sanitizers_find_nothing(
    emitted: Emitted, tmp_path: Path
) -> None:
    folder, program, graph = emitted
    inputs = samples(graph, np.random.default_rng(5))
    outputs = run_sanitized(build_sanitized(folder, program.interface, tmp_path), inputs)
    expected = evaluate(graph, inputs)
    for name, got in zip(graph.outputs, outputs, strict=True):
        np.testing.assert_array_equal(got, expected[name])


@pytest.mark.parametrize("language", ["c99", "c++17"])
def test_no_warnings(emitted: Emitted, language: Language) -> None:
    folder, program, _ = emitted
    for compiler in list_compilers():
        if language == "c99" or compiler.cxx is not None:
            assert find_warnings(folder, program.interface, compiler, language) == ""


def test_clang_format_has_nothing_to_change(emitted: Emitted) -> None:
    clang_format = shutil.which("clang-format")
    if clang_format is None:
        pytest.skip("clang-format is not installed")
    style = Path(__file__).parents[2] / ".clang-format"
    for file in sorted(emitted[0].glob("net*.[ch]")):
        command = [clang_format, f"--style=file:{style}", str(file)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        assert done.stdout == file.read_text(), file.name


@pytest.mark.parametrize("spoiled", [False, True])
def test_self_test(emitted: Emitted, tmp_path: Path, spoiled: bool) -> None:
    """It passes, and fails where a golden output is another."""
    folder, program, _ = emitted
    for file in folder.glob("net*.[ch]"):
        shutil.copy(file, tmp_path)
    if spoiled:
        header = tmp_path / "net_test.h"
        array = header.read_text().rpartition("golden_output")[0].rpartition("static const")[2]
        start = header.read_text().index(array)
        value = header.read_text().index("    ", start)
        text = header.read_text()
        end = text.index(",", value)
        other = (int(text[value:end]) + 1) % 128
        header.write_text(f"{text[:value]}    {other}{text[end:]}")
    (tmp_path / "main.c").write_text(SELF_TEST)
    sources = ["main.c", "net.c", "net_weights.c"]
    subprocess.run([*host_compiler().c, "-o", "main", *sources], cwd=tmp_path, check=True)
    assert subprocess.run([tmp_path / "main"]).returncode == int(spoiled)
    assert program.interface.name == "net"


@needs_target_tools
@pytest.mark.parametrize("core", ["cortex-m4", "rv32imc"])
def test_emulated_target_equals_reference(emitted: Emitted, core: str, tmp_path: Path) -> None:
    """Also: the count covers each instruction of the network, and of it alone.

    On Arm a hook at each instruction does not see those that a condition skips.
    """
    folder, program, graph = emitted
    inputs = [batch[:1] for batch in samples(graph, rng())]
    build = build_target(folder, program.interface, load_target(core), tmp_path)
    run = emulate(build, inputs, count=True)
    expected = evaluate(graph, inputs)
    for name, got in zip(graph.outputs, run.outputs, strict=True):
        np.testing.assert_array_equal(got, expected[name])
    assert run.cost is not None
    if core == "rv32imc":
        assert run.cost.instructions == one_by_one(build, inputs)
    assert [cost.name for cost in run.cost.layers] == [layer.name for layer in program.layers]
    for cost, layer in zip(run.cost.layers, program.layers, strict=True):
        assert cost.calls == layer.rows
    functions = {cost.name: cost for cost in run.cost.functions}
    assert functions["net_push_row" if program.state is not None else "net_invoke"].instructions
    within = sum(cost.instructions for cost in run.cost.layers)
    assert 0.5 * run.cost.instructions < within < run.cost.instructions


def one_by_one(build: TargetBuild, inputs: list[Array]) -> int:
    """Count the instructions of one inference by a hook at each."""
    machine = load_machine(build)
    device = EmulatedDevice(machine, build.interface)
    addresses = find_addresses(build.interface, device)
    (sample,) = split_batch(build.interface, inputs)
    code, seen = machine.image.code, []
    machine.engine.hook_add(
        import_package("unicorn").UC_HOOK_CODE,
        lambda engine, at, size, data: seen.append(at),
        begin=code.address,
        end=code.end - 1,
    )
    infer(build.interface, device, addresses, sample)
    return len(seen)


@needs_target_tools
def test_a_write_to_what_the_caller_keeps_stops_the_emulated_run(tmp_path: Path) -> None:
    for transfer, name in ((Transfer("const"), "input"), (Transfer("rows"), "pushed")):
        folder = tmp_path / name
        folder.mkdir()
        _, program, graph = emit(transfer, folder)
        text = (folder / "net.c").read_text()
        (place,) = re.findall(rf"    const int8_t \*const x0 = {name};\n", text)
        bad = f"{place}    *(volatile int8_t *)(uintptr_t)x0 = 0;\n"
        (folder / "net.c").write_text(text.replace(place, bad))
        inputs = [batch[:1] for batch in samples(graph, rng())]
        build = build_target(folder, program.interface, load_target("cortex-m4"), folder)
        with pytest.raises(VerificationFailed, match="was stopped"):
            emulate(build, inputs)
        with pytest.raises(VerificationFailed, match="wrote outside the arena"):
            run_host(build_host(folder, program.interface, folder), inputs)


@pytest.fixture
def pushed(tmp_path: Path) -> tuple[HostDevice, Emitted]:
    """A loaded network that is given its input row by row."""
    found = emit(Transfer("rows", "arena"), tmp_path)
    interface = found[1].interface
    device = HostDevice(build_host(tmp_path, interface, tmp_path))
    device.fill_arena()
    return device, found


def test_misuse_of_push_row(pushed: tuple[HostDevice, Emitted]) -> None:
    device, (_, program, graph) = pushed
    interface = program.interface
    (sample,) = split_batch(interface, [batch[:1] for batch in samples(graph, rng())])
    row = device.lend(0, sample[0][: interface.inputs[0].type.row_bytes])
    assert device.call("net_push_row", row) == NOT_BEGUN
    device.call("net_begin")
    assert device.call("net_push_row", 0) == NULL_POINTER
    arena, device.arena = device.arena, 0
    assert device.call("net_push_row", row) == NULL_POINTER
    device.arena = arena
    addresses = find_addresses(interface, device)
    first = infer(interface, device, addresses, sample)
    for _ in range(2):
        assert device.call("net_push_row", row) == TOO_MANY_ROWS
        found = [device.read(at, len(b)) for at, b in zip(addresses.outputs, first, strict=True)]
        assert found == first
    assert device.is_intact()


@pytest.mark.parametrize("rows", [1, 7, 15])
def test_begin_in_the_middle_of_an_image(pushed: tuple[HostDevice, Emitted], rows: int) -> None:
    device, (_, program, graph) = pushed
    interface = program.interface
    inputs = [batch[:2] for batch in samples(graph, rng())]
    other, sample = split_batch(interface, inputs)
    size = interface.inputs[0].type.row_bytes
    device.call("net_begin")
    for index in range(rows):
        data = other[0][index * size : (index + 1) * size]
        assert device.call("net_push_row", device.lend(0, data)) == WANTS_ROW
    found = infer(interface, device, find_addresses(interface, device), sample)
    expected = evaluate(graph, [batch[1:] for batch in inputs])
    assert found == [expected[name].tobytes() for name in graph.outputs]


def test_a_null_sink_is_refused(tmp_path: Path) -> None:
    _, program, _ = emit(Transfer("rows", "rows"), tmp_path)
    device = HostDevice(build_host(tmp_path, program.interface, tmp_path))
    device.call("net_begin", 0, 0)
    assert device.call("net_push_row", device.lend(0, bytes(51))) == NULL_POINTER


def rng() -> np.random.Generator:
    return np.random.default_rng(6)
