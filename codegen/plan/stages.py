"""Stages of a fixed-point graph: what each engine of a flow computes, before it is folded."""

from __future__ import annotations

import numpy as np

from codegen.errors import Problem, UnsupportedOperator
from codegen.ir.fixed_point import INT8_VALUES, Int64s, Rescale, accumulator_range
from codegen.ir.flow import DIGIT_BITS, Digits, Flow, Image, Numbers, Stage, Unit, Windows
from codegen.ir.graph import Graph, Node
from codegen.ir.op import Signature
from codegen.ir.types import Array, DType, TensorType
from codegen.ops import Add, AveragePool, Conv2d, Dense, MaxPool, Reshape, Softmax
from codegen.ops.linear import LinearParams
from codegen.ops.unary import Unary

SIGNED_DIGIT_BITS = 18
"""What a multiplier takes: of the highest digit of a factor, with its sign."""
TIE_FACTOR = 2
"""Averages whose halves round to even are made of sums shifted left by so many bits."""
HINT = "use the shared engine, which runs more operators"


def make_flow(graph: Graph) -> Flow:
    """Return a stage for each node; UnsupportedOperator tells all nodes that have none."""
    problems = []
    if len(graph.inputs) != 1 or len(graph.outputs) != 1:
        problems.append(Problem("a dataflow network has one input and one output", hint=HINT))
    stages: list[Stage] = []
    shown: dict[str, str] = {}
    for i, node in enumerate(graph.nodes):
        operands = tuple(shown.get(name, name) for name in graph.activations(node))
        if isinstance(node.op, Reshape):
            shown[node.output] = operands[0]
            continue
        try:
            stages.append(_stage(graph, node, f"stage{i}_{node.op.name}", operands))
        except ValueError as reason:
            problems.append(Problem(str(reason), str(node.loc), HINT))
    if problems:
        raise UnsupportedOperator.collect(problems)
    source = image(graph.types[graph.inputs[0]])
    output = shown.get(graph.outputs[0], graph.outputs[0])
    return Flow(graph.name, graph.inputs[0], output, source, tuple(stages))


def image(kind: TensorType) -> Image:
    """Return the value as a stream carries it."""
    if len(kind.shape) == 3:
        return Image(*kind.shape)
    return Image(1, kind.elements // kind.channels, kind.channels)


def _stage(graph: Graph, node: Node, name: str, operands: tuple[str, ...]) -> Stage:
    signature = graph.signature(node)
    kinds = [graph.types[value] for value in graph.activations(node)]
    if any(kind.dtype is not DType.INT8 for kind in (*kinds, signature.output)):
        raise ValueError(f"streams carry int8, {node.op.name} has {signature.output.dtype.value}")
    x, y = image(kinds[0]), image(signature.output)
    op = node.op
    windows = Windows()
    if isinstance(op, Conv2d):
        unit, windows, numbers = _convolution(op, signature)
    elif isinstance(op, Dense):
        unit, numbers = Unit.MAC, _linear(op.params(signature))
    elif isinstance(op, MaxPool):
        unit, windows = Unit.MAX, Windows(op.kernel_shape, op.strides, op.pads[:2])
        numbers = Numbers(pad=-128)
    elif isinstance(op, AveragePool):
        unit, windows, numbers = _average(op, signature, x, y)
    elif isinstance(op, Add):
        unit, numbers = Unit.ADD, _addition(op, signature)
    elif isinstance(op, Unary):
        table = op.evaluate_fixed(signature, INT8_VALUES.astype(np.int8))
        unit, numbers = Unit.TABLE, Numbers(table=table)
    elif isinstance(op, Softmax):
        unit, numbers = Unit.SOFTMAX, _softmax(op, signature)
    else:
        raise ValueError(f"no stage of a dataflow network computes {op.name}")
    return Stage(name, unit, operands, node.output, x, y, windows, _digits(unit, numbers), numbers)


def _convolution(op: Conv2d, signature: Signature) -> tuple[Unit, Windows, Numbers]:
    if op.interleave:
        raise ValueError("no stage of a dataflow network shuffles channels")
    kernel = signature.inputs[1].shape[1:3]
    windows = Windows((kernel[0], kernel[1]), op.strides, op.pads[:2], op.dilations, op.group)
    unit = Unit.LANES if op.is_depthwise(signature) else Unit.MAC
    return unit, windows, _linear(op.params(signature))


def _linear(p: LinearParams) -> Numbers:
    outputs = len(p.weights)
    if p.weights.dtype != np.int8:
        raise ValueError("multipliers of a dataflow network take weights of 8 bits")
    weights = p.weights.reshape(outputs, 1, 1, -1) if p.weights.ndim == 2 else p.weights
    bare = accumulator_range(p.weights, np.zeros(outputs, np.int64))
    full = accumulator_range(p.weights, p.bias.astype(np.int64))
    return _rescaled(
        p.rescale,
        p.bias.astype(np.int64),
        np.broadcast_to(np.asarray(p.rescale.multipliers, np.int64), (outputs,)),
        bare,
        full,
        weights=weights,
        pad=p.input_zero_point,
    )


def _average(
    op: AveragePool, signature: Signature, x: Image, y: Image
) -> tuple[Unit, Windows, Numbers]:
    """Padding is the zero point; so the bias of all windows is the same."""
    p = op.params(signature)
    area = op.kernel_shape[0] * op.kernel_shape[1]
    quant = signature.inputs[0].quant
    assert quant is not None
    counts = op.counts((x.height, x.width))
    by_pixel = bool((counts != counts.flat[0]).any())
    multipliers = np.asarray(p.multipliers, np.int64)[
        counts.reshape(-1) if by_pixel else counts[:1, 0]
    ]
    bias = np.full(len(multipliers), -area * quant.zero_point, np.int64)
    ones = np.ones((1, area), np.int8)
    bare = accumulator_range(ones, np.zeros(1, np.int64))
    full = accumulator_range(ones, bias[:1])
    ties = op.ties_to_even(signature)
    numbers = _rescaled(
        p, bias, multipliers, bare, full, by_pixel=by_pixel, ties=ties, pad=quant.zero_point
    )
    covers = op.kernel_shape == (x.height, x.width) and not any(op.pads)
    windows = Windows(op.kernel_shape, op.strides, op.pads[:2])
    return (Unit.RUNNING if covers else Unit.AVERAGE), windows, numbers


def _rescaled(
    p: Rescale,
    biases: Int64s,
    multipliers: Int64s,
    bare: tuple[Int64s, Int64s],
    full: tuple[Int64s, Int64s],
    *,
    weights: Array | None = None,
    by_pixel: bool = False,
    ties: bool = False,
    pad: int = 0,
) -> Numbers:
    """Return the integers of a rescale; `bare` and `full` bound sums without and with bias."""
    shift = p.shift + (TIE_FACTOR if ties else 0)
    return Numbers(
        weights=np.zeros(0, np.int8) if weights is None else weights,
        biases=biases,
        multipliers=multipliers,
        by_pixel=by_pixel,
        shift=shift,
        offset=(p.zero_point << p.down) + (1 << (p.down - 1)),
        down=p.down,
        low=p.low,
        high=p.high,
        ties=ties,
        pad=pad,
        acc_bits=_signed_bits(*bare),
        sum_bits=_signed_bits(*full) + shift,
    )


def _addition(op: Add, signature: Signature) -> Numbers:
    p = op.params(signature)
    return Numbers(
        multipliers=np.asarray(p.multipliers, np.int64),
        offset=p.offset,
        down=p.shift,
        low=p.low,
        high=p.high,
    )


def _softmax(op: Softmax, signature: Signature) -> Numbers:
    p = op.params(signature)
    total = int(p.exponentials.fine.astype(np.int64)[0]) * signature.output.channels
    return Numbers(
        table=p.exponentials.fine.astype(np.int64),
        multipliers=np.asarray([p.multiplier], np.int64),
        shift=p.shift,
        offset=p.zero_point,
        sum_bits=total.bit_length() + 1,
    )


def _digits(unit: Unit, numbers: Numbers) -> Digits:
    """Return how many digits a rescaler's factors have: one, where a multiplier takes it whole."""
    sums = 1 if numbers.sum_bits <= SIGNED_DIGIT_BITS else 2
    multipliers = 1 if numbers.multiplier_bits < SIGNED_DIGIT_BITS else 2
    assert numbers.sum_bits <= DIGIT_BITS + SIGNED_DIGIT_BITS
    if unit is Unit.ADD:
        return Digits(1, multipliers, 2)
    return Digits(sums, multipliers)


def _signed_bits(least: Int64s, greatest: Int64s) -> int:
    """Return the bits of a signed number that holds both and all between."""
    return max(int(np.abs(least).max()), int(np.abs(greatest).max())).bit_length() + 1
