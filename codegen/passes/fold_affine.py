"""Merge scaling and shifting of channels with the convolution or dense layer beside it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from codegen.ir.graph import Graph, Node
from codegen.ir.rewrite import free_name, real_constant, single_reader, with_constant
from codegen.ir.types import Array, DType, Quant
from codegen.ops import Conv2d, Dense, MatMul, Reshape


@dataclass(frozen=True, slots=True, eq=False)
class _Affine:
    """y = scale * x + shift for each channel, by a depthwise 1x1 Conv2d."""

    node: Node
    op: Conv2d
    scale: Array
    shift: Array


@dataclass(frozen=True, slots=True, eq=False)
class _Linear:
    """New constants of a Conv2d or Dense: int8 weights where `quant` is given."""

    weights: Array
    quant: Quant | None
    bias: Array


def fold_affine(graph: Graph) -> Graph:
    """Fold a depthwise 1x1 Conv2d into the Conv2d or Dense before or behind it.

    Reshapes that keep the channels may stand between. Values between must have one reader and no
    prescribed format. int8 weights stay as they are: positive factors go into their scales. A
    MatMul takes a number that scales all channels.

    >>> import numpy as np
    >>> from codegen.ir.text import parse_graph
    >>> ones, twos = np.ones((2, 1, 1, 2)), np.full((2, 1, 1, 1), 2.0)
    >>> graph = fold_affine(parse_graph('''
    ...     graph net(x: float32[8,8,2]) -> z
    ...       const w: float32[2,1,1,2]
    ...       const b: float32[2]
    ...       const s: float32[2,1,1,1]
    ...       const t: float32[2]
    ...       y = conv2d(x, w, b)
    ...       z = conv2d(y, s, t) group=2
    ... ''', {"w": ones, "b": np.ones(2), "s": twos, "t": np.ones(2)}))
    >>> print(graph)
    graph net(x: float32[8,8,2]) -> z
      const w: float32[2,1,1,2]
      const b: float32[2]
      z = conv2d(x, w, b) : float32[8,8,2]
    >>> graph.constants["w"].ravel().tolist(), graph.constants["b"].tolist()
    ([2.0, 2.0, 2.0, 2.0], [3.0, 3.0])
    """
    while (folded := _fold_one(graph)) is not None:
        graph = folded
    return graph


def _fold_one(graph: Graph) -> Graph | None:
    for node in graph.nodes:
        affine = _affine(graph, node)
        if affine is None:
            continue
        folded = (
            _into_producer(graph, affine)
            or _into_reader(graph, affine)
            or _into_product(graph, affine)
        )
        if folded is not None:
            return folded
    return None


def _affine(graph: Graph, node: Node) -> _Affine | None:
    op = node.op
    if not isinstance(op, Conv2d) or not all(name in graph.constants for name in node.inputs[1:]):
        return None
    weights = graph.types[node.inputs[1]].shape
    if op != Conv2d(group=weights[0], clamp=op.clamp) or weights[1:] != (1, 1, 1):
        return None
    scale = real_constant(graph, node.inputs[1]).ravel()
    return _Affine(node, op, scale, real_constant(graph, node.inputs[2]))


def _into_producer(graph: Graph, affine: _Affine) -> Graph | None:
    """Scale the rows of the layer before; its bias takes the shift."""
    value = affine.node.inputs[0]
    before = graph.producers().get(value)
    reshape = None
    if before is not None and isinstance(before.op, Reshape):
        reshape, value = before, before.inputs[0]
        before = graph.producers().get(value)
        if graph.types[value].shape[-1:] != affine.scale.shape:
            return None
    if before is None or not isinstance(before.op, Conv2d | Dense) or before.op.clamp is not None:
        return None
    between = (value,) if reshape is None else (value, reshape.output)
    if not all(_is_private(graph, name) for name in between):
        return None
    linear = _scaled_rows(graph, before, affine)
    if linear is None:
        return None
    op = replace(before.op, clamp=affine.op.clamp)
    result = affine.node.output
    output = result if reshape is None else free_name(graph, f"{result}_linear")
    changed = {before.output: replace(before, op=op, output=output)}
    if reshape is not None:
        changed[reshape.output] = replace(reshape, inputs=(output,), output=result)
    graph = _renamed(graph, before.output, output, shows=result)
    return _with_linear(graph, changed, affine.node, output, linear)


def _scaled_rows(graph: Graph, node: Node, affine: _Affine) -> _Linear | None:
    w, b = node.inputs[1:]
    entry, old = graph.types[w], graph.constants[b]
    bias = real_constant(graph, b) * affine.scale + affine.shift
    shift = graph.constants[affine.node.inputs[2]]
    bias = bias.astype(np.result_type(old.dtype, shift.dtype))
    if entry.dtype is DType.FLOAT32:
        factors = affine.scale.reshape(-1, *[1] * (len(entry.shape) - 1))
        return _Linear((graph.constants[w] * factors).astype(np.float32), None, bias)
    assert entry.quant is not None
    if not np.all(affine.scale > 0):
        return None
    if np.all(affine.scale == 1):
        return _Linear(graph.constants[w], entry.quant, bias)
    scales = np.resize(entry.quant.scales, len(affine.scale)) * affine.scale
    quant = Quant(tuple(float(scale) for scale in scales), 0, 0)
    return _Linear(graph.constants[w], quant, bias)


def _into_reader(graph: Graph, affine: _Affine) -> Graph | None:
    """Scale the columns of the layer behind; its bias takes what the shift adds up to."""
    result, operand = affine.node.output, affine.node.inputs[0]
    between = [result]
    after = single_reader(graph, result)
    reshape = None
    if after is not None and isinstance(after.op, Reshape):
        reshape = after
        between.append(after.output)
        after = single_reader(graph, after.output)
    if after is None or affine.op.clamp is not None or after.inputs[0] != between[-1]:
        return None
    if not all(_is_private(graph, name) for name in between):
        return None
    linear = _scaled_columns(graph, after, affine, reshape is not None)
    if linear is None:
        return None
    if reshape is None:
        changed = {after.output: replace(after, inputs=(operand, *after.inputs[1:]))}
        return _with_linear(graph, changed, affine.node, after.output, linear)
    moved = free_name(graph, f"{operand}_reshape")
    changed = {
        reshape.output: replace(reshape, inputs=(operand,), output=moved),
        after.output: replace(after, inputs=(moved, *after.inputs[1:])),
    }
    graph = _renamed(graph, reshape.output, moved, shows=operand)
    return _with_linear(graph, changed, affine.node, after.output, linear)


def _into_product(graph: Graph, affine: _Affine) -> Graph | None:
    """Multiply the factor of a MatMul before or behind by a number that scales all channels."""
    scale, result, operand = affine.scale, affine.node.output, affine.node.inputs[0]
    if np.any(scale != scale[0]) or np.any(affine.shift) or affine.op.clamp is not None:
        return None
    before, after = graph.producers().get(operand), single_reader(graph, result)
    if before is not None and isinstance(before.op, MatMul) and _is_private(graph, operand):
        op = replace(before.op, factor=before.op.factor * float(scale[0]))
        graph = _renamed(graph, operand, result, shows=result)
        made = replace(before, op=op, output=result)
        return graph.with_nodes(
            made if node is before else node for node in graph.nodes if node is not affine.node
        )
    if after is None or not isinstance(after.op, MatMul) or not _is_private(graph, result):
        return None
    if after.inputs.count(result) > 1:
        return None
    op = replace(after.op, factor=after.op.factor * float(scale[0]))
    inputs = tuple(operand if name == result else name for name in after.inputs)
    made = replace(after, op=op, inputs=inputs)
    return graph.with_nodes(
        made if node is after else node for node in graph.nodes if node is not affine.node
    )


def _scaled_columns(graph: Graph, node: Node, affine: _Affine, is_reshaped: bool) -> _Linear | None:
    op = node.op
    channels = len(affine.scale)
    if isinstance(op, Conv2d) and not is_reshaped:
        if any(op.pads) and np.any(affine.shift):
            return None
        repeats = graph.types[node.inputs[1]].shape[0] // op.group
        rows = [np.repeat(a.reshape(op.group, -1), repeats, axis=0) for a in _both(affine)]
        scale, shift = (row[:, None, None, :] for row in rows)
    elif isinstance(op, Dense):
        repeats = graph.types[node.inputs[1]].shape[1] // channels
        scale, shift = (np.tile(a, repeats)[None] for a in _both(affine))
    else:
        return None
    w, b = node.inputs[1:]
    entry, reals = graph.types[w], real_constant(graph, w)
    added = (reals * shift).reshape(len(reals), -1).sum(axis=1)
    bias = (real_constant(graph, b) + added).astype(graph.constants[b].dtype)
    if entry.dtype is DType.FLOAT32:
        return _Linear((reals * scale).astype(np.float32), None, bias)
    return _Linear(graph.constants[w], entry.quant, bias) if np.all(scale == 1) else None


def _both(affine: _Affine) -> tuple[Array, Array]:
    return affine.scale, affine.shift


def _is_private(graph: Graph, value: str) -> bool:
    """One node reads the value, and nobody prescribed its format."""
    return single_reader(graph, value) is not None and graph.types[value].quant is None


def _renamed(graph: Graph, old: str, new: str, shows: str) -> Graph:
    """Declare `new` with the shape of `old`, the format and the origin of `shows`."""
    types, origins = dict(graph.types), dict(graph.origins)
    if new != shows:
        types[new] = replace(types[old], quant=types[shows].quant)
        if shows in origins:
            origins[new] = origins[shows]
    return replace(graph, types=types, origins=origins)


def _with_linear(
    graph: Graph, changed: dict[str, Node], dropped: Node, output: str, linear: _Linear
) -> Graph:
    """Drop a node, put `changed` in place of the nodes they are keyed by, give one constants."""
    nodes = [changed.get(node.output, node) for node in graph.nodes if node is not dropped]
    graph = graph.with_nodes(nodes)
    node = graph.producers()[output]
    graph, w = with_constant(graph, node, node.inputs[1], linear.weights, linear.quant)
    graph, b = with_constant(graph, node, node.inputs[2], linear.bias)
    final = replace(node, inputs=(node.inputs[0], w, b))
    return graph.with_nodes(final if other is node else other for other in graph.nodes)
