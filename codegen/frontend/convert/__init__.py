"""For each ONNX operator, how it is said in the IR."""

from __future__ import annotations

from collections.abc import Callable

from codegen.frontend.builder import Builder
from codegen.frontend.call import Call
from codegen.frontend.convert.affine import (
    convert_add,
    convert_batch_normalization,
    convert_div,
    convert_mul,
    convert_sub,
)
from codegen.frontend.convert.convolution import convert_conv, convert_conv_transpose
from codegen.frontend.convert.einsum import convert_einsum
from codegen.frontend.convert.elementwise import (
    convert_clip,
    convert_identity,
    convert_lrn,
    convert_relu,
    convert_softmax,
)
from codegen.frontend.convert.gemm import convert_gemm
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
from codegen.frontend.convert.pool import (
    convert_average_pool,
    convert_global_average_pool,
    convert_max_pool,
    convert_reduce_mean,
)
from codegen.frontend.convert.quantized import convert_dequantize, convert_quantize
from codegen.frontend.convert.resize import convert_resize
from codegen.frontend.convert.slice import convert_gather, convert_slice, convert_split
from codegen.frontend.operand import View

Converter = Callable[[Builder, Call], View]

CONVERTERS: tuple[tuple[str, Converter], ...] = (
    ("Add", convert_add),
    ("AveragePool", convert_average_pool),
    ("BatchNormalization", convert_batch_normalization),
    ("Clip", convert_clip),
    ("Concat", convert_concat),
    ("Conv", convert_conv),
    ("ConvTranspose", convert_conv_transpose),
    ("DequantizeLinear", convert_dequantize),
    ("Div", convert_div),
    ("Dropout", convert_identity),
    ("Einsum", convert_einsum),
    ("Flatten", convert_flatten),
    ("Gather", convert_gather),
    ("Gemm", convert_gemm),
    ("GlobalAveragePool", convert_global_average_pool),
    ("Identity", convert_identity),
    ("LRN", convert_lrn),
    ("MatMul", convert_matmul),
    ("MaxPool", convert_max_pool),
    ("Mul", convert_mul),
    ("Pad", convert_pad),
    ("QuantizeLinear", convert_quantize),
    ("ReduceMean", convert_reduce_mean),
    ("Relu", convert_relu),
    ("Reshape", convert_reshape),
    ("Resize", convert_resize),
    ("Slice", convert_slice),
    ("Softmax", convert_softmax),
    ("Split", convert_split),
    ("Squeeze", convert_squeeze),
    ("Sub", convert_sub),
    ("Transpose", convert_transpose),
    ("Unsqueeze", convert_unsqueeze),
)
"""ONNX operator types of the default domain that may read computed values."""

DIVIDING = ("Split",)
"""Those whose results are made one by one, by a call for each."""
