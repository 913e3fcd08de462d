"""Ranges for scales that are powers of two: what the format of least error covers.

A format that covers a whole range may waste almost a bit. One that is twice as fine and saturates
is better where few elements lie beyond it. Weights are always covered: each of a filter counts.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from codegen.ir.evaluate import evaluate_node, forget
from codegen.ir.graph import Graph
from codegen.ir.types import Array, DType
from codegen.quantize.formats import make_format
from codegen.quantize.ranges import Range, Ranges

SAMPLES = 16
"""Samples on which errors are compared."""
HALVINGS = 2
"""How often a step may be halved."""


def narrow(graph: Graph, ranges: Ranges, element: DType) -> Ranges:
    """Return the ranges that the power-of-two formats of least mean square error cover.

    `graph` is in floats; the errors are those of its values on samples of the evidence.
    """
    if ranges.evidence is None:
        return ranges
    bounds = dict(ranges.bounds)
    values: dict[str, Array] = {}
    last = graph.last_readers()
    for name, array in zip(graph.inputs, ranges.evidence.inputs, strict=True):
        values[name] = array[:SAMPLES]
        if name in bounds:
            bounds[name] = narrowed(values[name], bounds[name], element)
    for node in graph.nodes:
        operands = {name: values[name] for name in graph.activations(node)}
        x = values[node.output] = evaluate_node(graph, node, operands)
        if node.output in bounds and node.output not in ranges.masked:
            bounds[node.output] = narrowed(x, bounds[node.output], element)
        forget(node, values, last)
    return replace(ranges, bounds=bounds)


def narrowed(x: Array, found: Range, element: DType) -> Range:
    """Return as much of a range as the format of least error on `x` covers.

    >>> narrowed(np.array([0.9] * 999 + [1.1]), (0.0, 1.1), DType.INT8)
    (0.0, 0.9921875)
    """
    best, least = found, np.inf
    for halvings in range(HALVINGS + 1):
        trial = found[0] / 2**halvings, found[1] / 2**halvings
        quant = make_format(trial, element, "pow2")
        error = float(np.square(quant.dequantize(quant.quantize(x, element)) - x).mean())
        if error < least:
            low, high = quant.dequantize(np.array([element.min, element.max])).tolist()
            best, least = (max(found[0], low), min(found[1], high)), error
    return best
