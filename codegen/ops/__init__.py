"""The operators of the IR, a file each or a file for those that are one idea."""

from codegen.ir.op import Op
from codegen.ops.add import Add
from codegen.ops.conv2d import Conv2d
from codegen.ops.dense import Dense
from codegen.ops.depth_to_space import DepthToSpace
from codegen.ops.layout import Concat, Copy, Deliver, Pad, Receive, Reshape, Transpose
from codegen.ops.lrn import Lrn
from codegen.ops.matmul import MatMul
from codegen.ops.pool import AveragePool, MaxPool
from codegen.ops.quantize_linear import DequantizeLinear, QuantizeLinear
from codegen.ops.resize import Resize
from codegen.ops.slice import Slice
from codegen.ops.softmax import Softmax
from codegen.ops.unary import Clip, Requantize

OPS: tuple[type[Op], ...] = (
    Add,
    AveragePool,
    Clip,
    Concat,
    Conv2d,
    Copy,
    Deliver,
    Dense,
    DepthToSpace,
    DequantizeLinear,
    Lrn,
    MatMul,
    MaxPool,
    Pad,
    QuantizeLinear,
    Receive,
    Requantize,
    Reshape,
    Resize,
    Slice,
    Softmax,
    Transpose,
)
"""Every operator; the text form of graphs names them by `Op.name`."""

__all__ = [
    "OPS",
    "Add",
    "AveragePool",
    "Clip",
    "Concat",
    "Conv2d",
    "Copy",
    "Deliver",
    "Dense",
    "DepthToSpace",
    "DequantizeLinear",
    "Lrn",
    "MatMul",
    "MaxPool",
    "Pad",
    "QuantizeLinear",
    "Receive",
    "Requantize",
    "Reshape",
    "Resize",
    "Slice",
    "Softmax",
    "Transpose",
]
