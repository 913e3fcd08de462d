"""For each ONNX operator, how it is said in the IR."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from codegen.frontend.builder import Builder
from codegen.frontend.call import Call
from codegen.frontend.convert.affine import (
    convert_add,
    convert_batch_normalization,
    convert_div,
    convert_mul,
    convert_sub,
)
from codegen.frontend.convert.broadcast import (
    BINARY,
    convert_bit_shift,
    convert_elementwise,
    convert_mod,
)
from codegen.frontend.convert.cast import convert_cast
from codegen.frontend.convert.convolution import convert_conv, convert_conv_transpose
from codegen.frontend.convert.einsum import convert_einsum
from codegen.frontend.convert.elementwise import (
    convert_clip,
    convert_identity,
    convert_lrn,
    convert_relu,
)
from codegen.frontend.convert.functions import UNARY, convert_unary
from codegen.frontend.convert.gemm import convert_gemm
from codegen.frontend.convert.grid_sample import convert_grid_sample
from codegen.frontend.convert.integer import convert_conv_integer, convert_matmul_integer
from codegen.frontend.convert.layout import (
    convert_concat,
    convert_flatten,
    convert_pad,
    convert_reshape,
    convert_squeeze,
    convert_transpose,
    convert_unsqueeze,
)
from codegen.frontend.convert.linear import convert_matmul
from codegen.frontend.convert.move import convert_move, convert_scatter
from codegen.frontend.convert.normalize import (
    convert_group_normalization,
    convert_instance_normalization,
    convert_layer_normalization,
    convert_lp_normalization,
    convert_mean_variance,
)
from codegen.frontend.convert.pool import (
    convert_average_pool,
    convert_global_average_pool,
    convert_global_lp_pool,
    convert_global_max_pool,
    convert_max_pool,
    convert_max_unpool,
)
from codegen.frontend.convert.pool_volume import convert_pool_volume
from codegen.frontend.convert.qlinear import CONCAT, CONV, GEMM, OF_ONE, OF_TWO, Form, on_quantized
from codegen.frontend.convert.quantized import (
    convert_dequantize,
    convert_dynamic_quantize,
    convert_quantize,
)
from codegen.frontend.convert.recurrent import convert_recurrent
from codegen.frontend.convert.reduce import (
    REDUCTIONS,
    convert_arg,
    convert_cum_sum,
    convert_hardmax,
    convert_reduce_mean,
    convert_softmax,
    convert_top_k,
)
from codegen.frontend.convert.resize import convert_resize
from codegen.frontend.convert.scatter import convert_col2im, convert_one_hot
from codegen.frontend.convert.slice import convert_gather, convert_slice, convert_split
from codegen.frontend.operand import Operand, View
from codegen.ops import LogSoftmax, Softmax

Converter = Callable[[Builder, Call], Operand]

FORMS: tuple[tuple[str, Callable[[Builder, Call], View], Form], ...] = (
    ("Add", convert_add, OF_TWO),
    ("AveragePool", convert_average_pool, OF_ONE),
    ("Concat", convert_concat, CONCAT),
    ("Conv", convert_conv, CONV),
    ("GlobalAveragePool", convert_global_average_pool, OF_ONE),
    ("LeakyRelu", convert_unary, OF_ONE),
    ("MatMul", convert_matmul, OF_TWO),
    ("Mul", convert_mul, OF_TWO),
    ("Sigmoid", convert_unary, OF_ONE),
    ("Softmax", partial(convert_softmax, Softmax()), OF_ONE),
)
"""Operators with a form on quantized tensors, QLinear before their names."""
QUANTIZED = tuple((op, on_quantized(op, converter, form)) for op, converter, form in FORMS)

MICROSOFT = frozenset(
    ("QGemm", *(f"QLinear{op}" for op, *_ in FORMS if op not in ("Conv", "MatMul")))
)
"""Those of them that are of the domain com.microsoft."""

CONVERTERS: tuple[tuple[str, Converter], ...] = (
    ("Add", convert_add),
    ("ArgMax", partial(convert_arg, True)),
    ("ArgMin", partial(convert_arg, False)),
    ("AveragePool", convert_average_pool),
    ("BatchNormalization", convert_batch_normalization),
    ("BitShift", convert_bit_shift),
    ("Cast", convert_cast),
    ("CenterCropPad", convert_move),
    ("Clip", convert_clip),
    ("Col2Im", convert_col2im),
    ("Compress", convert_move),
    ("Concat", convert_concat),
    ("Conv", convert_conv),
    ("ConvInteger", convert_conv_integer),
    ("ConvTranspose", convert_conv_transpose),
    ("CumSum", convert_cum_sum),
    ("DepthToSpace", convert_move),
    ("DequantizeLinear", convert_dequantize),
    ("Div", convert_div),
    ("DynamicQuantizeLinear", convert_dynamic_quantize),
    ("Dropout", convert_identity),
    ("Einsum", convert_einsum),
    ("Expand", convert_move),
    ("Flatten", convert_flatten),
    ("GRU", convert_recurrent),
    ("Gather", convert_gather),
    ("GatherElements", convert_move),
    ("GatherND", convert_move),
    ("Gemm", convert_gemm),
    ("GlobalAveragePool", convert_global_average_pool),
    ("GridSample", convert_grid_sample),
    ("Hardmax", convert_hardmax),
    ("Identity", convert_identity),
    ("LRN", convert_lrn),
    ("LogSoftmax", partial(convert_softmax, LogSoftmax())),
    ("LSTM", convert_recurrent),
    ("MatMul", convert_matmul),
    ("MatMulInteger", convert_matmul_integer),
    ("MaxPool", convert_max_pool),
    ("MaxUnpool", convert_max_unpool),
    ("Mod", convert_mod),
    ("Mul", convert_mul),
    ("OneHot", convert_one_hot),
    ("Pad", convert_pad),
    ("QuantizeLinear", convert_quantize),
    ("RNN", convert_recurrent),
    ("ReduceMean", convert_reduce_mean),
    ("Relu", convert_relu),
    ("Reshape", convert_reshape),
    ("Resize", convert_resize),
    ("ReverseSequence", convert_move),
    ("Scatter", convert_scatter),
    ("ScatterElements", convert_scatter),
    ("ScatterND", convert_scatter),
    ("Slice", convert_slice),
    ("Softmax", partial(convert_softmax, Softmax())),
    ("SpaceToDepth", convert_move),
    ("Split", convert_split),
    ("Squeeze", convert_squeeze),
    ("Sub", convert_sub),
    ("Tile", convert_move),
    ("TopK", convert_top_k),
    ("Transpose", convert_transpose),
    ("Trilu", convert_move),
    ("Unsqueeze", convert_unsqueeze),
    ("GlobalLpPool", convert_global_lp_pool),
    ("GlobalMaxPool", convert_global_max_pool),
    ("LpPool", convert_pool_volume),
    ("GroupNormalization", convert_group_normalization),
    ("InstanceNormalization", convert_instance_normalization),
    ("LayerNormalization", partial(convert_layer_normalization, "deviation")),
    ("LpNormalization", convert_lp_normalization),
    ("MeanVarianceNormalization", convert_mean_variance),
    ("RMSNormalization", partial(convert_layer_normalization, "rms")),
    *REDUCTIONS,
    *((f"QLinear{op_type}", converter) for op_type, converter in QUANTIZED),
    ("QGemm", on_quantized("Gemm", convert_gemm, GEMM)),
    *((op_type, convert_unary) for op_type in UNARY),
    *((op_type, convert_elementwise) for op_type in BINARY),
)
"""ONNX operator types of the default domain that may read computed values."""

DIVIDING = (
    "DynamicQuantizeLinear",
    "GRU",
    "LSTM",
    "LayerNormalization",
    "MaxPool",
    "RNN",
    "Split",
    "TopK",
)
"""Those whose results are made one by one, by a call for each."""
