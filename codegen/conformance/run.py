"""Run a case: import, quantize over its own range, reference, host C; compare with ONNX."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

from codegen.conformance.cases import Case
from codegen.conformance.scope import out_of_scope
from codegen.emit import Golden, emit
from codegen.emit.folder import write_files
from codegen.errors import BadQuantization, CodegenError, InvalidModel, UnsupportedOperator
from codegen.frontend import import_model, inline_functions
from codegen.frontend.load import modernize
from codegen.ir.evaluate import evaluate, operand
from codegen.ir.graph import Graph, Node
from codegen.ir.memory import RamGoal
from codegen.ir.op import Op
from codegen.ir.types import Array, DType, TensorType
from codegen.lower import lower
from codegen.ops.softmax import MASKED
from codegen.passes import canonicalize
from codegen.plan.solve import solve
from codegen.quantize import quantize
from codegen.quantize.masks import logits, unmasked
from codegen.quantize.probe import as_reals, held_as
from codegen.quantize.ranges import Range, Ranges
from codegen.schedule.assign import assign_kernels
from codegen.toolchain.host import build_host, run_host

FAMILIES = ("generic",)
NAME = "net"
REFUSED = (UnsupportedOperator, InvalidModel, BadQuantization)


class Status(Enum):
    """How a case ends."""

    PASSED = "passed"
    FAILED = "failed"
    REFUSED = "refused"
    OUT_OF_SCOPE = "out of scope"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a case ended and why.

    `bound_steps` is how far an integer may be from what its node makes of the same operands in
    floats, `error_steps` the farthest that an output is from what ONNX expects, in its steps.
    """

    name: str
    operator: str
    status: Status
    reason: str = ""
    bound_steps: float = 0.0
    error_steps: float = 0.0


class Different(Exception):
    """Something is not as it has to be: what, and by how much."""


def run_cases(
    cases: Sequence[Case], progress: Callable[[int, int], None] = lambda done, of: None
) -> tuple[Outcome, ...]:
    """Run cases on all processors; `progress` is told how many are done, and of how many."""
    found: list[Outcome] = []
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        for outcome in pool.map(run_case, cases, chunksize=4):
            found.append(outcome)
            progress(len(found), len(cases))
    return tuple(found)


def run_case(case: Case) -> Outcome:
    """Run one case."""
    scope = out_of_scope(case)
    if scope:
        return Outcome(case.name, case.operator, Status.OUT_OF_SCOPE, scope)
    try:
        bound, error = _run(case)
    except REFUSED as refusal:
        reason = str(refusal.problems[0].message)
        return Outcome(case.name, case.operator, Status.REFUSED, reason)
    except (Different, CodegenError) as difference:
        return Outcome(case.name, case.operator, Status.FAILED, str(difference))
    return Outcome(case.name, case.operator, Status.PASSED, "", bound, error)


def _run(case: Case) -> tuple[float, float]:
    """Return the bound and the error in steps; Different, or an error of the chain."""
    graph, inputs = _import(case)
    real = evaluate(graph, inputs, keep=graph.types.keys() - graph.constants.keys())
    _compare_reals(case, graph, real)
    fixed = quantize(graph, _ranges(graph, real))
    steps = [_as_steps(fixed.types[n], real[n]) for n in fixed.inputs]
    made = evaluate(fixed, steps, keep=fixed.types.keys() - fixed.constants.keys())
    bound = max((_check_node(fixed, node, made) for node in fixed.nodes), default=0.0)
    with tempfile.TemporaryDirectory() as folder:
        _check_c(fixed, steps, made, Path(folder))
    return bound, max(_error(fixed.types[n], made[n], real[n]) for n in fixed.outputs)


def _import(case: Case) -> tuple[Graph, tuple[Array, ...]]:
    """Return the float graph and its inputs, with as many inputs computed as have a meaning."""
    refusal: CodegenError | None = None
    for computed in range(len(case.inputs), 0, -1):
        try:
            model = inline_functions(modernize(_with_constants(case, computed)))
            graph = canonicalize(import_model(model, case.name))
        except REFUSED as error:
            refusal = error
            continue
        arrays = dict(zip((p.name for p in case.model.graph.input), case.inputs, strict=True))
        found = []
        for name in graph.inputs:
            origin, array = graph.origin(name), arrays[graph.origin(name).tensor]
            assert array is not None
            found.append(_as_reals(graph.types[name], origin.one(array, graph.types[name].shape)))
        return graph, tuple(found)
    raise refusal or UnsupportedOperator("computes nothing")


def _with_constants(case: Case, computed: int) -> onnx.ModelProto:
    """Return the model with inputs from number `computed` on stored in it."""
    model = onnx.ModelProto()
    model.CopyFrom(case.model)
    ports = list(model.graph.input)
    for port, array in list(zip(ports, case.inputs, strict=True))[computed:]:
        assert array is not None
        model.graph.input.remove(port)
        model.graph.initializer.append(numpy_helper.from_array(np.asarray(array), port.name))
    return model


def _compare_reals(case: Case, graph: Graph, real: dict[str, Array]) -> None:
    """The float graph means what ONNX does."""
    for name, expected in zip(graph.outputs, case.outputs, strict=True):
        assert expected is not None
        origin = graph.origin(name)
        wanted = origin.one(np.asarray(expected), graph.types[name].shape)
        kind, found = graph.types[name], real[name]
        if _is_quantized(kind, wanted):
            _compare_steps(kind, found, wanted)
        elif not np.allclose(found, wanted, case.rtol, max(case.atol, 1e-6), equal_nan=True):
            worst = np.nanmax(np.abs(found.astype(np.float64) - wanted))
            raise Different(f"the float graph differs by {worst:.3g} from what ONNX expects")


def _is_quantized(kind: TensorType, array: Array) -> bool:
    """An array holds the integers of a value that the graph has as reals."""
    return kind.dtype is DType.FLOAT32 and kind.quant is not None and array.dtype.kind in "iu"


def _as_reals(kind: TensorType, array: Array) -> Array:
    """Return an array as the float graph takes it: what is quantized, as reals."""
    return as_reals(kind, array).astype(np.float32) if _is_quantized(kind, array) else array


def _compare_steps(kind: TensorType, found: Array, wanted: Array) -> None:
    """Reals are nearest to the integers that ONNX expects of them."""
    assert kind.quant is not None
    steps = np.clip(found / kind.quant.scale + kind.quant.zero_point, -128, 127)
    worst = float(np.max(np.abs(steps - held_as(DType.INT8, wanted)), initial=0.0))
    if worst > 0.5 + 1e-3:
        raise Different(f"the float graph is {worst:.2f} steps from what ONNX expects")


def _ranges(graph: Graph, real: dict[str, Array]) -> Ranges:
    """Return the ranges of values, but for what a Softmax has masked."""
    masked = {name for name in logits(graph) & real.keys() if (real[name] <= MASKED).any()}
    counted = {name: unmasked(x) if name in masked else x for name, x in real.items()}
    bounds = {name: _range(array) for name, array in counted.items()}
    return Ranges(bounds, "the case's own inputs", masked=frozenset(masked))


def _range(array: Array) -> Range:
    finite = array[np.isfinite(array)] if array.dtype.kind == "f" else array
    return (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)


def _as_steps(value: TensorType, real: Array) -> Array:
    """Return reals as the integers of a value; integers that stand for themselves as they are."""
    if real.dtype.kind != "f":
        return real.astype(value.dtype.numpy)
    assert value.quant is not None
    return value.quant.quantize(real, value.dtype)


def _check_node(graph: Graph, node: Node, made: dict[str, Array]) -> float:
    """Return the steps by which a node may be off; Different where it is farther."""
    value = graph.types[node.output]
    assert value.quant is not None
    bound = allowed_steps(node.op)
    operands = []
    for name in node.inputs:
        kind, data = graph.types[name], operand(graph, name, made, is_real=False)
        assert kind.quant is not None
        is_exact = kind.is_plain or getattr(node.op, "exact", False)
        operands.append(data if is_exact else kind.quant.dequantize(data))
    with np.errstate(all="ignore"):
        wanted = np.asarray(node.op.evaluate(*operands))
    found = made[node.output]
    if value.is_plain:
        if not np.array_equal(found, wanted):
            raise Different(f"{node.op.name} makes other integers than its meaning")
        return 0.0
    exact = wanted.astype(np.float64) / value.quant.scale + value.quant.zero_point
    exact = np.clip(np.nan_to_num(exact), value.dtype.min, value.dtype.max)
    off = float(np.max(np.abs(found - exact), initial=0.0))
    if off > bound + 1e-3:
        raise Different(f"{node.op.name} is {off:.2f} steps off, {bound:g} are allowed")
    return bound


def allowed_steps(op: Op) -> float:
    """Return the steps that an operator may be off; those of a Slice are something else."""
    found = getattr(op, "steps", 1.0)
    return 1.0 if isinstance(found, tuple) else float(found)


def _check_c(graph: Graph, steps: Sequence[Array], made: dict[str, Array], folder: Path) -> None:
    """The emitted C on this machine makes the bits of the reference."""
    solution = solve(assign_kernels(graph, FAMILIES), RamGoal())
    program = lower(
        solution.schedule, solution.plan, NAME, target="host", model="case", digest="0" * 8
    )
    golden = Golden(tuple(steps), tuple(made[name] for name in graph.outputs))
    write_files(folder, emit((program,), (golden,)))
    found = run_host(build_host(folder, program.interface, folder), steps)
    for name, array in zip(graph.outputs, found, strict=True):
        if not np.array_equal(array, made[name]):
            raise Different(f"the C makes other bits of '{name}' than the reference")


def _error(value: TensorType, made: Array, real: Array) -> float:
    """Return how many steps integers are from reals at most, where those are finite."""
    assert value.quant is not None
    off = np.abs(value.quant.dequantize(made) - real.astype(np.float64)) / value.quant.scale
    return float(np.max(off[np.isfinite(off)], initial=0.0))


def failures(outcomes: Sequence[Outcome]) -> Iterator[Outcome]:
    """Yield those that failed."""
    return (outcome for outcome in outcomes if outcome.status is Status.FAILED)
