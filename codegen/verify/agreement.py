"""How near the fixed-point network is to the user's ONNX model, on the same samples."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import onnx

from codegen.ir.graph import Graph
from codegen.ir.report import Agreement
from codegen.ir.types import Array
from codegen.progress import Progress, silent
from codegen.quantize import Samples, graph_inputs
from codegen.quantize.probe import held_as, open_probe
from codegen.verify.inputs import Inputs, run_reference


def measure_agreement(
    model: onnx.ModelProto,
    graph: Graph,
    samples: Samples,
    count: int,
    progress: Progress = silent,
) -> Agreement:
    """Compare the fixed-point `graph` with `model` in onnxruntime on the first `count` samples."""
    count = min(count, samples.count)
    arrays = tuple(array[:count] for array in graph_inputs(graph, samples))
    found = run_reference(graph, Inputs(("",) * count, arrays), progress)
    expected = run_model(model, graph, samples, count)
    steps = [abs(a.astype(np.float64) - b) for a, b in zip(found, expected, strict=True)]
    flat = np.concatenate([array.ravel() for array in steps])
    return Agreement(
        samples=count,
        top1=top1_agreement(found[0], expected[0]),
        greatest_difference_steps=int(flat.max()),
        mean_difference_steps=round(float(flat.mean()), 4),
    )


def run_model(
    model: onnx.ModelProto, graph: Graph, samples: Samples, count: int
) -> tuple[Array, ...]:
    """Return onnxruntime's outputs (N, *shape) in the integers of the graph's outputs."""
    probe = open_probe(model, [graph.origin(name).tensor for name in graph.outputs])
    quants = [graph.types[name].quant for name in graph.inputs]
    rows = []
    for index in range(count):
        tensors = probe.run(samples.one(index), quants)
        rows.append([_as_steps(graph, name, tensors) for name in graph.outputs])
    return tuple(np.concatenate(column) for column in zip(*rows, strict=True))


def top1_agreement(found: Array, expected: Array) -> float | None:
    """Return the share of samples whose greatest value is at the same place.

    Where `expected` has several greatest values, any of them will do. None for scalars.

    >>> top1_agreement(np.array([[1, 3], [4, 2]]), np.array([[0, 9], [5, 5]]))
    1.0
    """
    found, expected = (array.reshape(len(array), -1) for array in (found, expected))
    if found.shape[1] < 2:
        return None
    chosen = np.take_along_axis(expected, found.argmax(axis=1)[:, None], axis=1)[:, 0]
    return round(float(np.mean(chosen == expected.max(axis=1))), 4)


def _as_steps(graph: Graph, name: str, tensors: Mapping[str, Array]) -> Array:
    """Return an output of the model as the integers that stand for it."""
    value, origin = graph.types[name], graph.origin(name)
    assert value.quant is not None
    shown = origin.one(tensors[origin.tensor], value.shape)
    if shown.dtype.kind in "iu":
        return held_as(value.dtype, shown)
    return value.quant.quantize(shown, value.dtype)
