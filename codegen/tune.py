"""Tune: what a kernel takes for a node on a target, measured on that node alone and remembered."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from codegen.emit import Golden, emit
from codegen.emit.folder import write_files
from codegen.errors import BadOption
from codegen.ir.graph import Graph, Node
from codegen.ir.interface import BY_ARENA
from codegen.ir.op import Op, Signature
from codegen.ir.program import Program
from codegen.lower.spread import lower_into
from codegen.options import Optimize
from codegen.plan import make_plan
from codegen.progress import Progress, silent
from codegen.schedule.assemble import assemble
from codegen.schedule.assign import Assigned, make_step
from codegen.schedule.kernels import Choice, Rule, estimates
from codegen.schedule.rows import find_needs
from codegen.targets import Target
from codegen.toolchain.cross import COMPILE_FLAGS, build_target, compiler_version
from codegen.toolchain.elf import kernel_bytes, read_functions
from codegen.toolchain.emulate import emulate

MEASURED = 1.005
"""Kernels whose measured cycles differ by less are equally fast."""


@dataclass(frozen=True, slots=True)
class Figures:
    """Bytes of code and constants of a kernel, and the cycles of a layer's inference."""

    flash_bytes: int
    cycles: int


def make_choice(
    target: Target, optimize: Optimize, *, tune: bool, progress: Progress = silent
) -> Choice:
    """Return by what kernels are chosen: estimates, or figures measured on the target.

    Bytes are measured for `size` and `tune`, cycles for `tune`. Raises BadOption where the target
    has nothing to measure with, and MissingTool as soon as a kernel is measured.
    """
    if not tune and optimize != "size":
        return Choice(optimize, estimates(target.isa))
    if target.emulator is None or target.cycles is None or not target.zig:
        raise BadOption(
            f"{'--tune' if tune else '--optimize size'}: kernels of target '{target.name}' cannot"
            " be measured: it has no emulator, or no cycles of instructions",
            hint="leave it out: kernels are chosen by estimates",
        )
    measure = remembering(target, progress)

    def cycles(rule: Rule, op: Op, signature: Signature) -> int:
        return measure(rule, op, signature).cycles

    def flash_bytes(rule: Rule, op: Op, signature: Signature) -> int:
        return measure(rule, op, signature).flash_bytes

    if not tune:
        return Choice(optimize, estimates(target.isa), flash_bytes)
    return Choice(optimize, cycles, flash_bytes, MEASURED)


def remembering(
    target: Target, progress: Progress = silent
) -> Callable[[Rule, Op, Signature], Figures]:
    """Return a function that measures, but what was measured before, here or in any run."""
    known: dict[tuple[object, ...], Figures] = {}
    folder = cache_folder()

    def measure(rule: Rule, op: Op, signature: Signature) -> Figures:
        held = tuple(None if data is None else data.tobytes() for data in signature.constants)
        node = (rule.kernel, op, signature.inputs, signature.output, held)
        if node not in known:
            program, files = alone(rule, op, signature)
            path = folder / f"{cache_key(files[f'{program.interface.name}.c'], target)}.json"
            found = load_figures(path)
            if found is None:
                progress(f"measuring {program.functions[0].name}", 0, 1)
                found = run_alone(program, files, target)
                store_figures(path, found)
            known[node] = found
        return known[node]

    return measure


def alone(rule: Rule, op: Op, signature: Signature) -> tuple[Program, Mapping[str, str | bytes]]:
    """Return the C of a network that is nothing but the node, by the rule's kernel."""
    graph = node_graph(op, signature)
    step = make_step(rule, graph.nodes[0], signature)
    needs = find_needs(graph, (step,))
    assigned = Assigned(graph, (step,), {}, needs, ((step,),), BY_ARENA, {})
    schedule = assemble(assigned, (0, 1))
    program = lower_into(
        (), schedule, make_plan(schedule), "alone", target="any", model=op.name, digest=""
    ).program
    ports = program.interface.inputs, program.interface.outputs
    inputs, outputs = (tuple(np.zeros(p.shape, p.dtype.numpy) for p in side) for side in ports)
    return program, emit((program,), (Golden(inputs, outputs),))


def node_graph(op: Op, signature: Signature) -> Graph:
    """Return a graph of one node."""
    names = [f"x{i}" for i in range(len(signature.inputs))]
    types = dict(zip(names, signature.inputs, strict=True))
    held = zip(names, signature.constants, strict=True)
    constants = {name: data for name, data in held if data is not None}
    return Graph(
        name="alone",
        inputs=tuple(name for name in names if name not in constants),
        outputs=("y",),
        nodes=(Node(op, tuple(names), "y"),),
        types={**types, "y": signature.output},
        constants=constants,
    )


def run_alone(program: Program, files: Mapping[str, str | bytes], target: Target) -> Figures:
    """Build and run a network of one node once, with random inputs."""
    rng = np.random.default_rng(0)
    interface = program.interface
    inputs = [
        rng.integers(-128, 128, (1, *port.shape)).astype(port.dtype.numpy)
        for port in interface.inputs
    ]
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        write_files(folder, files)
        build = build_target(folder, interface, target, folder)
        cost = emulate(build, inputs, count=True).cost
        code = sum(kernel_bytes(read_functions(build.elf), program).values())
    assert cost is not None
    return Figures(code + sum(constant.size_bytes for constant in program.constants), cost.cycles)


def cache_folder() -> Path:
    """Return where measured figures are kept between runs."""
    home = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
    return home / "codegen" / "tune"


def cache_key(code: str | bytes, target: Target) -> str:
    """Return what figures depend on: the C of kernel and shape, target, compiler and its flags."""
    parts = (code, target, compiler_version(target, "zig"), COMPILE_FLAGS)
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def load_figures(path: Path) -> Figures | None:
    """Return what was stored, None where nothing readable was."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return Figures(int(found["flash_bytes"]), int(found["cycles"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def store_figures(path: Path, figures: Figures) -> None:
    """Store figures whole or not at all; a cache that cannot be written is none."""
    text = json.dumps({"flash_bytes": figures.flash_bytes, "cycles": figures.cycles})
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(f".{os.getpid()}")
        part.write_text(text, encoding="utf-8")
        part.replace(path)
    except OSError:
        return
