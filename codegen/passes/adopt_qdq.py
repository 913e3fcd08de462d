"""Turn QuantizeLinear and DequantizeLinear into prescribed formats of the values they stand at."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from codegen.errors import BadQuantization, Problem
from codegen.ir.graph import Graph, Node
from codegen.ir.types import DType, Origin, Quant, TensorType
from codegen.ops import (
    DequantizeLinear,
    QuantizeLinear,
    Requantize,
    Reshape,
    Transpose,
)


@dataclass(slots=True)
class _Adoption:
    """What stands for each value (`stand_ins`), and the formats found so far."""

    graph: Graph
    stand_ins: dict[str, str] = field(default_factory=dict)
    formats: dict[str, Quant] = field(default_factory=dict)
    origins: dict[str, Origin] = field(default_factory=dict)
    nodes: list[Node] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


def adopt_qdq(graph: Graph) -> Graph:
    """Give values the formats that Q and DQ prescribe, and drop Q and DQ.

    Values stay float32. A second format of one value is a Requantize. Formats pass through
    operators that keep them to the side that has none. Raises BadQuantization where a value is
    dequantized otherwise than it was quantized.

    >>> from codegen.ir.text import parse_graph
    >>> print(adopt_qdq(parse_graph('''
    ...     graph net(x: float32[4]) -> z
    ...       q = quantize_linear(x) quant=quant(0.5, 3)
    ...       d = dequantize_linear(q) quant=quant(0.5, 3)
    ...       y = clip(d)
    ...       z = quantize_linear(y) quant=quant(0.25, -128)
    ... ''')))
    graph net(x: float32[4] quant(0.5, 3)) -> z
      z = clip(x) : float32[4] quant(0.25, -128)
    """
    if not any(isinstance(node.op, QuantizeLinear | DequantizeLinear) for node in graph.nodes):
        return graph
    state = _Adoption(graph, origins=dict(graph.origins))
    for node in graph.nodes:
        _adopt(state, node)
    if state.problems:
        raise BadQuantization.collect(state.problems)
    _adopt_outputs(state)
    _propagate(state)
    types = {
        name: entry if name in graph.constants else _adopted(entry, state.formats.get(name))
        for name, entry in graph.types.items()
    }
    return graph.with_nodes(state.nodes, types=types, origins=state.origins)


def _adopted(entry: TensorType, quant: Quant | None) -> TensorType:
    """Return the type of a value of that format; integers without one stand for themselves."""
    return entry if quant is None else replace(entry, dtype=DType.FLOAT32, quant=quant)


def _adopt(state: _Adoption, node: Node) -> None:
    operands = tuple(state.stand_ins.get(name, name) for name in node.inputs)
    op, x = node.op, operands[0]
    if isinstance(op, QuantizeLinear):
        if state.formats.setdefault(x, op.quant) == op.quant:
            state.stand_ins[node.output] = x
            if node.output in state.graph.origins:
                state.origins.setdefault(x, state.graph.origins[node.output])
            return
        state.formats[node.output] = op.quant
        node = replace(node, op=Requantize())
    elif isinstance(op, DequantizeLinear):
        if state.formats.setdefault(x, op.quant) != op.quant:
            state.problems.append(_mismatch(node, state.formats[x], op.quant))
        _show(state, x, node.output)
        state.stand_ins[node.output] = x
        return
    elif op.keeps_quant and x in state.formats and _is_integer(state.graph, node.output):
        state.formats[node.output] = state.formats[x]
    state.nodes.append(replace(node, inputs=operands))


def _is_integer(graph: Graph, name: str) -> bool:
    return graph.types[name].dtype is not DType.FLOAT32


def _mismatch(node: Node, made: Quant, read: Quant) -> Problem:
    return Problem(
        f"a value of scale {made.scale:.6g} and zero point {made.zero_point} is dequantized with"
        f" scale {read.scale:.6g} and zero point {read.zero_point}",
        str(node.loc),
        "give QuantizeLinear and DequantizeLinear of one tensor the same format",
    )


def _show(state: _Adoption, value: str, dequantized: str) -> None:
    """Let a value show the dequantized tensor: exactly what its readers get; ports stay."""
    is_first = state.origins.get(value) == state.graph.origins.get(value)
    if value not in state.graph.inputs and is_first and dequantized in state.graph.origins:
        state.origins[value] = state.graph.origins[dequantized]


def _adopt_outputs(state: _Adoption) -> None:
    """Name the values that stand for outputs after them; copy what is another port too."""
    taken = set(state.graph.inputs)
    for output in state.graph.outputs:
        value = state.stand_ins.get(output, output)
        if value != output and value in {*taken, *state.graph.outputs}:
            copy = Reshape(state.graph.types[output].shape)
            state.nodes.append(Node(copy, (value,), output))
            state.formats[output] = state.formats[value]
        elif value != output:
            state.nodes = [_renamed(node, value, output) for node in state.nodes]
            state.formats[output] = state.formats.pop(value)
            state.stand_ins = {
                key: output if found == value else found for key, found in state.stand_ins.items()
            }
        taken.add(output)
        if output in state.graph.origins:
            state.origins[output] = state.graph.origins[output]


def _renamed(node: Node, old: str, new: str) -> Node:
    inputs = tuple(new if name == old else name for name in node.inputs)
    return replace(node, inputs=inputs, output=new if node.output == old else node.output)


def _propagate(state: _Adoption) -> None:
    """Pass formats through operators that keep them, forward and backward, until none moves."""
    reads = [name for node in state.nodes for name in node.inputs]
    reads += state.graph.outputs
    before = -1
    while before != len(state.formats):
        before = len(state.formats)
        for node in state.nodes:
            if node.op.keeps_quant:
                numbers = [name for name in node.inputs if not _is_place(state.graph, name)]
                _pass_through(state.formats, replace(node, inputs=tuple(numbers)), reads)


def _is_place(graph: Graph, name: str) -> bool:
    """A computed value tells where others are to be put, and has no format."""
    return name not in graph.constants and graph.types[name].dtype is DType.INT32


def _pass_through(formats: dict[str, Quant], node: Node, reads: list[str]) -> None:
    found = {formats.get(name) for name in node.inputs}
    quant = formats.get(node.output)
    only = found.pop() if len(found) == 1 else None
    if quant is None and only is not None:
        formats[node.output] = only
    if quant is None:
        return
    for name in node.inputs:
        # What saturates before a selection saturates behind it, unless others read it too.
        is_private = isinstance(node.op, Reshape | Transpose) or reads.count(name) == 1
        if name not in formats and is_private:
            formats[name] = quant
