"""The operators of the IR, a file each or a file for those that are one idea."""

from codegen.ir.op import Op
from codegen.ops.add import Add
from codegen.ops.blend import Blend
from codegen.ops.cast import Cast
from codegen.ops.constant import Constant
from codegen.ops.conv2d import Conv2d
from codegen.ops.cum_sum import CumSum
from codegen.ops.dense import Dense
from codegen.ops.depth_to_space import DepthToSpace
from codegen.ops.elementwise import Elementwise
from codegen.ops.flip_sign import FlipSign
from codegen.ops.grid_sample import GridSample
from codegen.ops.gru import Gru
from codegen.ops.in_float import InFloat, has_float_form
from codegen.ops.layout import Concat, Copy, Deliver, Pad, Receive, Reshape, Transpose
from codegen.ops.log_softmax import LogSoftmax
from codegen.ops.lookup import Lookup
from codegen.ops.lrn import Lrn
from codegen.ops.lstm import Lstm
from codegen.ops.matmul import MatMul
from codegen.ops.matmul_integer import MatMulInteger
from codegen.ops.normalize import InverseDeviation, Normalize
from codegen.ops.places import MaxPlaces, Unpool
from codegen.ops.pool import AveragePool, MaxPool
from codegen.ops.pool_volume import MaxPoolVolume, SumPoolVolume
from codegen.ops.quantize_linear import DequantizeLinear, QuantizeLinear
from codegen.ops.recurrent import Recurrent
from codegen.ops.reduce import Reduce
from codegen.ops.resize import Resize
from codegen.ops.rnn import Rnn
from codegen.ops.select import Hardmax, SelectIndices, SelectValues
from codegen.ops.slice import Slice
from codegen.ops.softmax import Softmax
from codegen.ops.take import Take
from codegen.ops.unary import Clip, Function, Requantize

OPS: tuple[type[Op], ...] = (
    Add,
    AveragePool,
    Blend,
    Cast,
    Clip,
    Concat,
    Constant,
    Conv2d,
    Copy,
    CumSum,
    Deliver,
    Dense,
    DepthToSpace,
    DequantizeLinear,
    Elementwise,
    FlipSign,
    Function,
    GridSample,
    Gru,
    Hardmax,
    InFloat,
    InverseDeviation,
    LogSoftmax,
    Lookup,
    Lrn,
    Lstm,
    MatMul,
    MatMulInteger,
    MaxPlaces,
    MaxPool,
    MaxPoolVolume,
    Normalize,
    Pad,
    QuantizeLinear,
    Receive,
    Reduce,
    Requantize,
    Reshape,
    Resize,
    Rnn,
    SelectIndices,
    SelectValues,
    Slice,
    Softmax,
    SumPoolVolume,
    Take,
    Transpose,
    Unpool,
)
"""Every operator; the text form of graphs names them by `Op.name`."""

__all__ = [
    "OPS",
    "Add",
    "AveragePool",
    "Blend",
    "Cast",
    "Clip",
    "Concat",
    "Constant",
    "Conv2d",
    "Copy",
    "CumSum",
    "Deliver",
    "Dense",
    "DepthToSpace",
    "DequantizeLinear",
    "Elementwise",
    "FlipSign",
    "Function",
    "GridSample",
    "Gru",
    "Hardmax",
    "InFloat",
    "InverseDeviation",
    "LogSoftmax",
    "Lookup",
    "Lrn",
    "Lstm",
    "MatMul",
    "MatMulInteger",
    "MaxPlaces",
    "MaxPool",
    "MaxPoolVolume",
    "Normalize",
    "Pad",
    "QuantizeLinear",
    "Receive",
    "Recurrent",
    "Reduce",
    "Requantize",
    "Reshape",
    "Resize",
    "Rnn",
    "SelectIndices",
    "SelectValues",
    "Slice",
    "Softmax",
    "SumPoolVolume",
    "Take",
    "Transpose",
    "Unpool",
    "has_float_form",
]
