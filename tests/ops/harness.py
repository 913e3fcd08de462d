"""Build one-operator graphs, emit them, and compare the C with the reference in every bit."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from codegen.emit import Golden, emit
from codegen.ir.evaluate import evaluate
from codegen.ir.graph import Graph, Node
from codegen.ir.memory import MemoryPlan
from codegen.ir.op import Op
from codegen.ir.program import Program
from codegen.ir.schedule import Schedule
from codegen.ir.types import Array, DType, Quant, TensorType
from codegen.lower import certify
from codegen.lower.spread import lower_into
from codegen.plan import make_plan
from codegen.schedule import make_schedule
from codegen.targets import Memory
from codegen.toolchain.host import build_host, run_host
from codegen.verify import check_plan

GENERIC = ("generic",)
ARM_DSP = ("arm_dsp", "generic")
HOST = ("host", "generic")
ARM_MVE = ("arm_mve", "generic")
LANES = ("lanes", "generic")
HLS = ("hls",)


def int8(shape: Sequence[int], scale: float = 0.05, zero_point: int = 0) -> TensorType:
    """An int8 type in a per-tensor format."""
    return TensorType(tuple(shape), DType.INT8, Quant((scale,), zero_point))


def op_graph(
    op: Op,
    inputs: Sequence[TensorType],
    output: tuple[float, int],
    constants: Sequence[tuple[Array, TensorType]] = (),
) -> Graph:
    """A graph of one node; its constant operands follow the computed ones."""
    names = [f"x{i}" for i in range(len(inputs))]
    held = [f"c{i}" for i in range(len(constants))]
    types = dict(zip(names, inputs, strict=True))
    types |= {name: kind for name, (_, kind) in zip(held, constants, strict=True)}
    shape = op.infer(*types.values()).shape
    types["y"] = int8(shape, *output)
    return Graph(
        name="net",
        inputs=tuple(names),
        outputs=("y",),
        nodes=(Node(op, (*names, *held), "y"),),
        types=types,
        constants={name: data for name, (data, _) in zip(held, constants, strict=True)},
    )


def linear_constants(
    rng: np.random.Generator,
    shape: tuple[int, ...],
    x_scale: float,
    *,
    uniform: bool = False,
    scale: float = 1.0,
) -> list[tuple[Array, TensorType]]:
    """Random int8 weights with a scale for each output, extremes among them, and an int32 bias.

    `uniform`: all outputs have one scale. `scale`: of all scales.
    """
    weights = rng.integers(-127, 128, shape).astype(np.int8)
    weights.flat[rng.integers(weights.size, size=3)] = (-127, 127, 0)
    scales = tuple(float(s) for s in scale * rng.uniform(0.001, 0.02, shape[0]))
    scales = scales[:1] * shape[0] if uniform else scales
    bias = rng.integers(-3000, 3000, shape[0]).astype(np.int32)
    formats = Quant(scales, 0, 0), Quant(tuple(x_scale * s for s in scales), 0, 0)
    return [
        (weights, TensorType(shape, DType.INT8, formats[0])),
        (bias, TensorType((shape[0],), DType.INT32, formats[1])),
    ]


def fine_integers(rng: np.random.Generator, size: int, greatest: float) -> tuple[Array, TensorType]:
    """Random reals up to `greatest` as int32 in fine steps."""
    data = rng.integers(-(2**30), 2**30, size).astype(np.int32)
    return data, TensorType((size,), DType.INT32, Quant((greatest / 2**30,), 0))


def widened(graph: Graph, rng: np.random.Generator) -> Graph:
    """The same layer with weights that take 16 bits: from -255 to 255, the ends among them."""
    (node,) = graph.nodes
    kind = graph.types[node.inputs[1]]
    weights = rng.integers(-255, 256, kind.shape).astype(np.int16)
    weights.flat[:2] = (-255, 255)[: weights.size]
    types = {**graph.types, node.inputs[1]: replace(kind, dtype=DType.INT16)}
    return replace(graph, types=types, constants={**graph.constants, node.inputs[1]: weights})


def in_int16(graph: Graph) -> Graph:
    """The same graph with activations of 16 bits: the same reals in steps of a 256th."""
    types = dict(graph.types)
    for name, kind in graph.types.items():
        if kind.dtype is DType.INT8 and kind.quant is not None and kind.quant.axis is None:
            quant = Quant((kind.quant.scale / 256,), element=DType.INT16)
            types[name] = replace(kind, dtype=DType.INT16, quant=quant)
    constants = {
        name: data.astype(types[name].dtype.numpy) * (256 if types[name].is_int16 else 1)
        for name, data in graph.constants.items()
    }
    return replace(graph, types=types, constants=constants)


def samples(graph: Graph, rng: np.random.Generator, count: int = 6) -> tuple[Array, ...]:
    """Random inputs, then all least, all greatest, and both in turn."""
    found = []
    for name in graph.inputs:
        dtype = graph.types[name].dtype
        shape, low, high = (count, *graph.types[name].shape), dtype.min, dtype.max
        batch = rng.integers(low, high + 1, shape).astype(dtype.numpy)
        batch[-1] = np.where(np.arange(batch[-1].size) % 2, low, high).reshape(batch[-1].shape)
        batch[-2], batch[-3] = high, low
        found.append(batch)
    return tuple(found)


Planned = tuple[Schedule, MemoryPlan]


def program_of(
    graph: Graph,
    families: tuple[str, ...],
    planned: Planned | None = None,
    memories: Sequence[Memory] = (),
) -> Program:
    """Schedule, plan and lower a fixed-point graph, layer by layer unless it is planned."""
    schedule = make_schedule(graph, families)
    schedule, plan = planned or (schedule, make_plan(schedule))
    banner = {"target": "test", "model": "test", "digest": "0" * 8}
    placed = lower_into(memories, schedule, plan, "net", **banner)
    check_plan(certify(placed.program, schedule, placed.plan))
    return placed.program


def write_c(
    graph: Graph,
    families: tuple[str, ...],
    folder: Path,
    inputs: Sequence[Array],
    planned: Planned | None = None,
    memories: Sequence[Memory] = (),
) -> Program:
    """Emit a graph into a folder with its first sample as golden."""
    program = program_of(graph, families, planned, memories)
    first = [batch[:1] for batch in inputs]
    outputs = evaluate(graph, first)
    golden = Golden(tuple(first), tuple(outputs[name] for name in graph.outputs))
    for file, text in emit((program,), (golden,)).items():
        (folder / file).write_text(text, encoding="utf-8")
    return program


def assert_c_equals_reference(
    graph: Graph,
    families: tuple[str, ...],
    rng: np.random.Generator,
    planned: Planned | None = None,
    memories: Sequence[Memory] = (),
    *,
    fast: bool = False,
) -> Program:
    """Build the C of a graph on the host and compare every output byte over `samples`.

    fast: by all instructions of this machine.
    """
    inputs = samples(graph, rng)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        program = write_c(graph, families, folder, inputs, planned, memories)
        build = build_host(folder, program.interface, folder, fast=fast)
        outputs = run_host(build, inputs)
    expected = evaluate(graph, inputs)
    for name, got in zip(graph.outputs, outputs, strict=True):
        np.testing.assert_array_equal(got, expected[name])
    return program


def merged(graphs: Sequence[Graph]) -> Graph:
    """One graph that holds all of `graphs` side by side."""

    def prefix(i: int, name: str) -> str:
        return f"g{i}_{name}"

    return Graph(
        name="net",
        inputs=tuple(prefix(i, name) for i, g in enumerate(graphs) for name in g.inputs),
        outputs=tuple(prefix(i, name) for i, g in enumerate(graphs) for name in g.outputs),
        nodes=tuple(
            replace(
                node,
                inputs=tuple(prefix(i, name) for name in node.inputs),
                output=prefix(i, node.output),
            )
            for i, g in enumerate(graphs)
            for node in g.nodes
        ),
        types={prefix(i, k): v for i, g in enumerate(graphs) for k, v in g.types.items()},
        constants={prefix(i, k): v for i, g in enumerate(graphs) for k, v in g.constants.items()},
    )
