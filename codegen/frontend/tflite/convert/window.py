"""Windows that slide over images, channels last in the file: padding, and pools."""

from __future__ import annotations

from codegen.frontend.operand import Unsupported
from codegen.frontend.tflite.call import Call

SAME, VALID = 0, 1


def window_pads(
    call: Call, kernel: tuple[int, int], dilations: tuple[int, int] = (1, 1)
) -> tuple[int, int, int, int]:
    """Return ONNX's pads of a window over the first operand: SAME pads more behind than before."""
    if call.option("Padding") == VALID:
        return 0, 0, 0, 0
    sizes, strides = call.tensor(0).shape[1:3], call.pair("Stride")
    totals = [
        max((-(-size // stride) - 1) * stride + (width - 1) * dilation + 1 - size, 0)
        for size, stride, width, dilation in zip(sizes, strides, kernel, dilations, strict=True)
    ]
    rows, columns = totals
    return rows // 2, columns // 2, (rows + 1) // 2, (columns + 1) // 2


def convert_average_pool(call: Call) -> str:
    """AVERAGE_POOL_2D; what stands in the padding does not count."""
    return _pool(call, "AveragePool")


def convert_max_pool(call: Call) -> str:
    """MAX_POOL_2D."""
    return _pool(call, "MaxPool")


def _pool(call: Call, op_type: str) -> str:
    if len(call.tensor(0).shape) != 4:
        raise Unsupported(f"pools a tensor of shape {call.tensor(0).shape}")
    kernel = call.pair("Filter", ("Height", "Width"))
    result = call.emit(
        op_type,
        call.channels_first(call.real(0)),
        kernel_shape=kernel,
        strides=call.pair("Stride"),
        pads=window_pads(call, kernel),
    )
    return call.channels_last(result)


def convert_space_to_depth(call: Call) -> str:
    """SPACE_TO_DEPTH."""
    image = call.channels_first(call.real(0))
    return call.channels_last(call.emit("SpaceToDepth", image, blocksize=call.option("BlockSize")))


def convert_depth_to_space(call: Call) -> str:
    """DEPTH_TO_SPACE, whose channels are ordered as in ONNX's mode DCR."""
    image = call.channels_first(call.real(0))
    size = call.option("BlockSize")
    return call.channels_last(call.emit("DepthToSpace", image, blocksize=size, mode="DCR"))


def convert_resize_nearest(call: Call) -> str:
    """RESIZE_NEAREST_NEIGHBOR; halves are rounded up."""
    rounding = "round_prefer_ceil"
    if not call.option("HalfPixelCenters") and not call.option("AlignCorners"):
        rounding = "floor"
    return _resize(call, mode="nearest", nearest_mode=rounding)


def convert_resize_bilinear(call: Call) -> str:
    """RESIZE_BILINEAR."""
    return _resize(call, mode="linear")


def _resize(call: Call, **attributes: str) -> str:
    coordinates = "asymmetric"
    if call.option("AlignCorners"):
        coordinates = "align_corners"
    elif call.option("HalfPixelCenters"):
        coordinates = "half_pixel"
    rows, columns = call.result.shape[1:3]
    image = call.tensor(0)
    sizes = call.numbers((image.shape[0], image.shape[3], rows, columns))
    result = call.emit(
        "Resize",
        call.channels_first(call.real(0)),
        "",
        "",
        sizes,
        coordinate_transformation_mode=coordinates,
        **attributes,
    )
    return call.channels_last(result)
