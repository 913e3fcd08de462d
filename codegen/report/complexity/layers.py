"""What an ONNX model is made of, read from its nodes and shapes alone; weights need no data."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import onnx
from onnx import helper

from codegen.frontend.shapes import graph_inputs
from codegen.report.complexity.shapes import Shape, infer_shapes


class Kind(StrEnum):
    """What a layer does, as far as its costs go."""

    INPUT = "input"
    POINTWISE = "1x1"
    DEPTHWISE = "depthwise"
    CONV_3X3 = "3x3"
    CONV = "other conv"
    DENSE = "dense"
    MAX_POOL = "max pool"
    AVERAGE_POOL = "avg pool"
    NORMALIZE = "batch norm"
    LRN = "lrn"
    ACTIVATE = "activation"
    ADD = "add"
    MULTIPLY = "multiply"
    SOFTMAX = "softmax"
    RESIZE = "resize"
    CONCAT = "concat"
    DROPOUT = "dropout"
    VIEW = "view"
    MOVE = "move"
    UNKNOWN = "not counted"


CONVOLUTIONS = (Kind.POINTWISE, Kind.DEPTHWISE, Kind.CONV_3X3, Kind.CONV)
MULTIPLYING = (*CONVOLUTIONS, Kind.DENSE)
"""The kinds with weights, in the order of reports."""
IN_PLACE = (Kind.NORMALIZE, Kind.ACTIVATE, Kind.DROPOUT, Kind.VIEW)
"""The kinds that a compiler fuses into the layer before, or that change no byte."""

KINDS: Mapping[Kind, tuple[str, ...]] = {
    Kind.MAX_POOL: ("MaxPool", "GlobalMaxPool", "ReduceMax"),
    Kind.AVERAGE_POOL: ("AveragePool", "GlobalAveragePool", "ReduceMean", "ReduceSum"),
    Kind.NORMALIZE: ("BatchNormalization",),
    Kind.LRN: ("LRN",),
    Kind.ACTIVATE: (
        *("Relu", "Clip", "LeakyRelu", "PRelu", "ThresholdedRelu", "HardSigmoid", "HardSwish"),
        *("Sigmoid", "Tanh", "Elu", "Selu", "Celu", "Softplus", "Softsign", "Exp", "Erf", "Gelu"),
        *("Mish", "Abs", "Neg"),
    ),
    Kind.ADD: ("Add", "Sub", "Sum"),
    Kind.MULTIPLY: ("Mul",),
    Kind.SOFTMAX: ("Softmax", "LogSoftmax"),
    Kind.RESIZE: ("Resize", "Upsample"),
    Kind.CONCAT: ("Concat",),
    Kind.DROPOUT: ("Dropout",),
    Kind.VIEW: (
        *("Flatten", "Reshape", "Squeeze", "Unsqueeze", "Identity", "Cast"),
        *("QuantizeLinear", "DequantizeLinear"),
    ),
    Kind.MOVE: (
        *("Transpose", "Slice", "Pad", "Split", "Gather", "DepthToSpace", "SpaceToDepth"),
        *("Expand", "Tile", "MaxUnpool", "GatherElements", "GatherND", "Trilu", "Compress"),
        *("ScatterElements", "ScatterND", "ReverseSequence", "CenterCropPad"),
    ),
}
WEIGHT_PLACE = {
    "Conv": (1, 2),
    "ConvTranspose": (1, 2),
    "ConvInteger": (1, None),
    "QLinearConv": (3, 8),
    "Gemm": (1, 2),
    "MatMul": (1, None),
    "MatMulInteger": (1, None),
    "QLinearMatMul": (3, None),
}
"""Which input of an operator are weights, and which is a bias."""


@dataclass(frozen=True, slots=True)
class Layer:
    """One ONNX node, or an input of the network.

    `inputs` and `outputs` are the values it reads and writes, constants left out. `output_shape`
    leaves out a batch of 1. `read` and `elements` count the numbers in its first input and in all
    outputs, `window` those in a kernel or pooling window. `weights` and `biases` count parameters
    of convolutions and dense layers, `constants` those of other nodes.
    """

    name: str
    op_type: str
    kind: Kind
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    output_shape: Shape
    elements: int
    read: int = 0
    operands: int = 0
    channels: int = 0
    window: int = 1
    kernel: Shape = ()
    dilations: Shape = ()
    weight_shape: Shape = ()
    weights: int = 0
    biases: int = 0
    constants: int = 0
    bounds: int = 0
    size: int = 0
    macs: int = 0


@dataclass(frozen=True, slots=True)
class Structure:
    """A network as its layers in an order in which they can run, its inputs first.

    `elements` counts the numbers in each value; `outputs` are the values it gives.
    """

    name: str
    layers: tuple[Layer, ...]
    outputs: tuple[str, ...]
    elements: Mapping[str, int]


def read_structure(model: onnx.ModelProto, name: str) -> Structure:
    """Return the layers of `model`, a free batch set to 1; `name` is what errors call it.

    Raises DynamicShape where shapes cannot be inferred, InvalidModel where ONNX objects.
    """
    shapes = infer_shapes(model, name)
    constants = find_constants(model.graph)
    inputs = [value.name for value in graph_inputs(model)]
    nodes = [node for node in model.graph.node if not set(node.output) <= constants]
    values = [*inputs, *(output for node in nodes for output in node.output if output)]
    layers = [_input_layer(value, shapes[value]) for value in inputs]
    counted: set[str] = set()
    for node in nodes:
        layers.append(_read_node(node, shapes, constants, counted))
    outputs = tuple(value.name for value in model.graph.output)
    return Structure(name, tuple(layers), outputs, {v: math.prod(shapes[v]) for v in values})


def find_constants(graph: onnx.GraphProto) -> set[str]:
    """Return the names of initializers and of all that nodes make of them and of shapes alone."""
    constants = {"", *(tensor.name for tensor in graph.initializer)}
    for node in graph.node:
        if node.op_type in ("Shape", "Size") or set(node.input) <= constants:
            constants.update(node.output)
    return constants


def kind_of(node: onnx.NodeProto, weight_shape: Shape, group: int) -> Kind:
    """Return what a node does; a convolution by its kernel, depthwise where groups hold one."""
    if "Conv" in node.op_type:
        kernel = weight_shape[2:]
        if group > 1 and weight_shape[1] == 1:
            return Kind.DEPTHWISE
        if math.prod(kernel) == 1:
            return Kind.POINTWISE
        return Kind.CONV_3X3 if kernel == (3, 3) else Kind.CONV
    if node.op_type in WEIGHT_PLACE:
        return Kind.DENSE
    return next((kind for kind, types in KINDS.items() if node.op_type in types), Kind.UNKNOWN)


def _read_node(
    node: onnx.NodeProto, shapes: Mapping[str, Shape], constants: set[str], counted: set[str]
) -> Layer:
    """Return the layer of a node; parameters in `counted` were met before, and join it."""
    given = {a.name: helper.get_attribute_value(a) for a in node.attribute}
    sizes = [shapes[output] for output in node.output if output]
    inputs = tuple(dict.fromkeys(name for name in node.input if name not in constants))
    first = shapes[node.input[0]]
    fixed = [name for name in node.input[1:] if name in constants and name]
    weight, bias = _parameters(node)
    weight_shape = shapes[weight] if weight else ()
    kind = kind_of(node, weight_shape, given.get("group", 1))
    kernel = weight_shape[2:] or tuple(given.get("kernel_shape", ()))
    return Layer(
        name=node.name or node.output[0],
        op_type=node.op_type,
        kind=kind,
        inputs=inputs,
        outputs=tuple(output for output in node.output if output),
        output_shape=without_batch(sizes[0]),
        elements=sum(map(math.prod, sizes)),
        read=math.prod(first),
        operands=sum(name not in constants for name in node.input),
        channels=sizes[0][1] if len(sizes[0]) > 1 else 1,
        window=_window(kind, kernel, math.prod(first), math.prod(sizes[0])),
        kernel=kernel,
        dilations=tuple(given.get("dilations", (1,) * len(kernel))),
        weight_shape=weight_shape,
        weights=_newly_counted([weight] if weight in constants else [], shapes, counted),
        biases=_newly_counted([bias] if bias in constants else [], shapes, counted),
        constants=_own_constants(kind, fixed, shapes, counted),
        bounds=len(fixed) + ("min" in given) + ("max" in given),
        size=given.get("size", 0),
        macs=_macs(node.op_type, weight_shape, first, sizes[0], given.get("transB", 0)),
    )


def _input_layer(name: str, shape: Shape) -> Layer:
    size = math.prod(shape)
    return Layer(name, "Input", Kind.INPUT, (), (name,), without_batch(shape), size)


def without_batch(shape: Shape) -> Shape:
    """Return a shape behind its batch of 1; a larger batch belongs to the network and stays."""
    return shape[1:] if len(shape) > 1 and shape[0] == 1 else shape


def _parameters(node: onnx.NodeProto) -> tuple[str, str]:
    """Return the names of the weights and the bias of a node, "" for none."""
    weight, bias = WEIGHT_PLACE.get(node.op_type, (None, None))

    def named(place: int | None) -> str:
        return node.input[place] if place is not None and place < len(node.input) else ""

    return named(weight), named(bias)


def _newly_counted(names: Sequence[str], shapes: Mapping[str, Shape], counted: set[str]) -> int:
    new = [name for name in names if name and name not in counted]
    counted.update(new)
    return sum(math.prod(shapes[name]) for name in new)


def _own_constants(
    kind: Kind, names: Sequence[str], shapes: Mapping[str, Shape], counted: set[str]
) -> int:
    """Return the parameters of a node that scales, shifts or bends by constants."""
    if kind not in (Kind.NORMALIZE, Kind.ADD, Kind.MULTIPLY):
        return 0
    return _newly_counted(names, shapes, counted)


def _window(kind: Kind, kernel: Shape, read: int, written: int) -> int:
    """Return the numbers that one output is made from; a pool without a kernel takes all."""
    if kernel:
        return math.prod(kernel)
    pools = (Kind.MAX_POOL, Kind.AVERAGE_POOL)
    return read // written if kind in pools and written else 1


def _macs(op_type: str, weights: Shape, x: Shape, y: Shape, transposed: int) -> int:
    if op_type == "ConvTranspose":
        return math.prod(x) * math.prod(weights[1:])
    if op_type in ("Conv", "ConvInteger", "QLinearConv"):
        return math.prod(y) * math.prod(weights[1:])
    if op_type == "Gemm":
        return math.prod(y) * weights[1 if transposed else 0]
    return math.prod(y) * x[-1] if op_type in WEIGHT_PLACE else 0
