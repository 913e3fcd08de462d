"""CONV_2D, DEPTHWISE_CONV_2D, TRANSPOSE_CONV, FULLY_CONNECTED."""

from __future__ import annotations

from codegen.frontend.operand import Unsupported
from codegen.frontend.tflite.call import Call
from codegen.frontend.tflite.convert.window import window_pads

DILATION = ("HFactor", "WFactor")


def convert_conv(call: Call) -> str:
    """CONV_2D, of as many groups as its filters leave channels out; filters are (M, kH, kW, C)."""
    groups = max(call.tensor(0).shape[-1] // call.tensor(1).shape[-1], 1)
    return _conv(call, (0, 3, 1, 2), groups)


def convert_depthwise(call: Call) -> str:
    """DEPTHWISE_CONV_2D, filters (1, kH, kW, M)."""
    return _conv(call, (3, 0, 1, 2), call.tensor(0).shape[-1])


def _conv(call: Call, perm: tuple[int, ...], groups: int) -> str:
    image, filters = call.tensor(0), call.tensor(1)
    if len(image.shape) != 4 or len(filters.shape) != 4:
        raise Unsupported(f"convolves tensors of shapes {image.shape} and {filters.shape}")
    kernel = (filters.shape[1], filters.shape[2])
    dilations = call.pair("Dilation", DILATION)
    inputs = [call.channels_first(call.real(0)), call.weights(1, perm)]
    bias = call.bias(2, (0, 1))
    result = call.emit(
        "Conv",
        *inputs,
        *([] if bias is None else [bias]),
        kernel_shape=kernel,
        strides=call.pair("Stride"),
        dilations=dilations,
        group=groups,
        pads=window_pads(call, kernel, dilations),
    )
    return call.channels_last(result)


def convert_transpose_conv(call: Call) -> str:
    """TRANSPOSE_CONV of (output shape, filters (M, kH, kW, C), image, bias)."""
    image, filters, result = call.tensor(2), call.tensor(1), call.result
    kernel, strides = (filters.shape[1], filters.shape[2]), call.pair("Stride")
    pads, grown = [0, 0, 0, 0], [0, 0]
    for axis in range(2):
        full = (image.shape[axis + 1] - 1) * strides[axis] + kernel[axis]
        surplus = full - result.shape[axis + 1]
        grown[axis] = max(-surplus, 0)
        pads[axis], pads[axis + 2] = max(surplus, 0) // 2, (max(surplus, 0) + 1) // 2
    inputs = [call.channels_first(call.real(2)), call.weights(1, (3, 0, 1, 2))]
    bias = call.bias(3, (2, 1))
    made = call.emit(
        "ConvTranspose",
        *inputs,
        *([] if bias is None else [bias]),
        kernel_shape=kernel,
        strides=strides,
        pads=pads,
        output_padding=grown,
    )
    return call.channels_last(made)


def convert_fully_connected(call: Call) -> str:
    """FULLY_CONNECTED, weights (M, K): Gemm for one row, MatMul for many."""
    if call.option("WeightsFormat"):
        raise Unsupported("shuffled weights", "convert the model without them")
    x, matrix, result = call.tensor(0), call.tensor(1), call.result
    rows, columns = x.shape[:-1], matrix.shape[-1]
    value = call.real(0)
    if not call.option("KeepNumDims") or x.shape[-1] != columns:
        rows = result.shape[:-1]
        value = reshaped(call, value, x.shape, (*rows, columns))
    bias = call.bias(2, (0, 1))
    extra = [] if bias is None else [bias]
    if len(rows) == 1 and rows[0] == 1 and matrix.data is not None:
        return call.emit("Gemm", value, call.weights(1, (0, 1)), *extra, transB=1)
    if matrix.data is not None:
        weights = call.weights(1, (1, 0))
    else:
        weights = call.emit("Transpose", call.real(1), perm=[1, 0])
    product = call.emit("MatMul", value, weights)
    return call.emit("Add", product, *extra) if extra else product


def convert_batch_matmul(call: Call) -> str:
    """BATCH_MATMUL of two tensors, either transposed on request."""
    operands = []
    for index, option in enumerate(("AdjX", "AdjY")):
        value, rank = call.real(index), len(call.tensor(index).shape)
        if call.option(option):
            perm = [*range(rank - 2), rank - 1, rank - 2]
            value = call.emit("Transpose", value, perm=perm)
        operands.append(value)
    return call.emit("MatMul", *operands)


def reshaped(call: Call, value: str, shape: tuple[int, ...], wanted: tuple[int, ...]) -> str:
    """Return a tensor under another shape."""
    return value if shape == wanted else call.emit("Reshape", value, call.numbers(wanted))
