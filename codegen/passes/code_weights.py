"""Say how weights are stored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from codegen.ir.coding import Coding, fits
from codegen.ir.graph import Graph
from codegen.ops import Conv2d, Dense

WEIGHTS = 1
"""The operand of a layer that is its weights."""


def code_weights(graph: Graph, codings: Mapping[str, Coding]) -> Graph:
    """Store the weights of layers, named by their results, so; their integers must fit.

    >>> from codegen.ir.text import parse_graph
    >>> print(code_weights(parse_graph('''
    ...     graph net(x: int8[4] quant(0.5, 0)) -> y
    ...       const w: int8[2,4] quant(0.5, 0)
    ...       const b: int32[2] quant(0.25, 0)
    ...       y = dense(x, w, b) : int8[2] quant(2.0, 0)
    ... '''), {"y": Coding("bits", 4)}))
    graph net(x: int8[4] quant(0.5, 0)) -> y
      const w: int8[2,4] quant(0.5, 0) coding(bits, 4)
      const b: int32[2] quant(0.25, 0)
      y = dense(x, w, b) : int8[2] quant(2.0, 0)
    """
    types = dict(graph.types)
    producers = graph.producers()
    for name, coding in codings.items():
        node = producers[name]
        assert isinstance(node.op, Conv2d | Dense), f"{name} has no weights"
        weights = node.inputs[WEIGHTS]
        assert fits(graph.constants[weights], coding), f"the weights of {name} do not fit {coding}"
        types[weights] = replace(types[weights], coding=coding)
    return replace(graph, types=types)
