"""For each TFLite operator, how ONNX says it."""

from __future__ import annotations

from collections.abc import Callable

from codegen.frontend.operand import Unsupported
from codegen.frontend.tflite.call import Call
from codegen.frontend.tflite.convert.elementwise import (
    activated,
    convert_clip,
    convert_leaky_relu,
    convert_softmax,
    reduced_by,
    same_as,
)
from codegen.frontend.tflite.convert.layout import (
    convert_concatenation,
    convert_pack,
    convert_pad,
    convert_reshape,
    convert_slice,
    convert_split,
    convert_split_v,
    convert_strided_slice,
    convert_transpose,
)
from codegen.frontend.tflite.convert.linear import (
    convert_batch_matmul,
    convert_conv,
    convert_depthwise,
    convert_fully_connected,
    convert_transpose_conv,
)
from codegen.frontend.tflite.convert.window import (
    convert_average_pool,
    convert_depth_to_space,
    convert_max_pool,
    convert_resize_bilinear,
    convert_resize_nearest,
    convert_space_to_depth,
)

Converter = Callable[[Call], str | tuple[str, ...]]

CONVERTERS: tuple[tuple[str, Converter], ...] = (
    ("ABS", same_as("Abs")),
    ("ADD", same_as("Add")),
    ("AVERAGE_POOL_2D", convert_average_pool),
    ("BATCH_MATMUL", convert_batch_matmul),
    ("CONCATENATION", convert_concatenation),
    ("CONV_2D", convert_conv),
    ("DEPTHWISE_CONV_2D", convert_depthwise),
    ("DEPTH_TO_SPACE", convert_depth_to_space),
    ("DEQUANTIZE", same_as("Identity")),
    ("DIV", same_as("Div")),
    ("ELU", same_as("Elu")),
    ("EXP", same_as("Exp")),
    ("EXPAND_DIMS", convert_reshape),
    ("FULLY_CONNECTED", convert_fully_connected),
    ("HARD_SWISH", same_as("HardSwish")),
    ("LEAKY_RELU", convert_leaky_relu),
    ("LOG", same_as("Log")),
    ("LOGISTIC", same_as("Sigmoid")),
    ("MAXIMUM", same_as("Max")),
    ("MAX_POOL_2D", convert_max_pool),
    ("MEAN", reduced_by("ReduceMean")),
    ("MINIMUM", same_as("Min")),
    ("MUL", same_as("Mul")),
    ("NEG", same_as("Neg")),
    ("PACK", convert_pack),
    ("PAD", convert_pad),
    ("PADV2", convert_pad),
    ("PRELU", same_as("PRelu")),
    ("QUANTIZE", same_as("Identity")),
    ("REDUCE_MAX", reduced_by("ReduceMax")),
    ("REDUCE_MIN", reduced_by("ReduceMin")),
    ("RELU", same_as("Relu")),
    ("RELU6", convert_clip),
    ("RELU_0_TO_1", convert_clip),
    ("RELU_N1_TO_1", convert_clip),
    ("RESHAPE", convert_reshape),
    ("RESIZE_BILINEAR", convert_resize_bilinear),
    ("RESIZE_NEAREST_NEIGHBOR", convert_resize_nearest),
    ("SLICE", convert_slice),
    ("SOFTMAX", convert_softmax),
    ("SPACE_TO_DEPTH", convert_space_to_depth),
    ("SPLIT", convert_split),
    ("SPLIT_V", convert_split_v),
    ("SQRT", same_as("Sqrt")),
    ("SQUEEZE", convert_reshape),
    ("STRIDED_SLICE", convert_strided_slice),
    ("SUB", same_as("Sub")),
    ("SUM", reduced_by("ReduceSum")),
    ("TANH", same_as("Tanh")),
    ("TRANSPOSE", convert_transpose),
    ("TRANSPOSE_CONV", convert_transpose_conv),
)
"""TFLite operators without state."""


def convert(call: Call) -> tuple[str, ...]:
    """Add the nodes of an operator; return its float results, fused activation included."""
    converter = dict(CONVERTERS).get(call.operator.type)
    if converter is None:
        raise Unsupported("no translation to ONNX", "leave the operator out of the network")
    found = converter(call)
    results = (found,) if isinstance(found, str) else found
    return tuple(activated(call, value) for value in results)


__all__ = ["CONVERTERS", "convert"]
