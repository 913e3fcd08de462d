"""Resize in every mode that has a kernel, in the forms of every opset, against onnxruntime."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

from codegen.ir.types import Array
from tests.frontend.compare import assert_same, make_model, op_names

COORDINATES = ("half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric")
ROUNDINGS = ("round_prefer_floor", "round_prefer_ceil", "floor", "ceil")
SIZES = ((16, 16), (4, 4), (24, 20), (5, 3), (1, 1), (8, 13))


def sized(height: int, width: int) -> Array:
    return np.asarray((1, 3, height, width), np.int64)


def resize(attributes: str, sizes: Array, opset: int = 13) -> onnx.ModelProto:
    none = np.zeros(0, np.float32)
    constants = {"n": sizes, "e": none} if opset < 13 else {"n": sizes}
    operands = "x, e, e, n" if opset < 13 else 'x, "", "", n'
    body = f"y = Resize <{attributes}> ({operands.replace(chr(34) * 2, '')})"
    return make_model(body, constants, opset=opset)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("coordinates", COORDINATES)
def test_linear(coordinates: str, size: tuple[int, int]) -> None:
    attributes = f'mode="linear", coordinate_transformation_mode="{coordinates}"'
    graph = assert_same(resize(attributes, sized(*size)))
    assert op_names(graph)[0] == "resize"
    assert "transpose" not in op_names(graph)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("rounding", ROUNDINGS)
@pytest.mark.parametrize("coordinates", COORDINATES)
def test_nearest(coordinates: str, rounding: str, size: tuple[int, int]) -> None:
    attributes = f'coordinate_transformation_mode="{coordinates}", nearest_mode="{rounding}"'
    assert_same(resize(attributes, sized(*size)))


@pytest.mark.parametrize("scales", [(2, 2), (1.5, 0.75), (0.3, 3), (1 / 3, 1.1)])
@pytest.mark.parametrize("mode", ["linear", "nearest"])
def test_scales(mode: str, scales: tuple[float, float]) -> None:
    given = np.asarray((1, 1, *scales), np.float32)
    model = make_model(f'y = Resize <mode="{mode}"> (x, , s)', {"s": given})
    assert_same(model)


@pytest.mark.parametrize("opset", [11, 13, 18, 19, 21])
def test_opsets(opset: int) -> None:
    assert_same(resize('mode="linear"', sized(16, 24), opset))


def test_sizes_of_named_axes() -> None:
    given = {"n": np.asarray((5, 11), np.int64)}
    assert_same(make_model('y = Resize <mode="linear", axes=[3, 2]> (x, , , n)', given, opset=18))


def test_half_pixel_symmetric() -> None:
    given = np.asarray((1, 1, 1.3, 0.7), np.float32)
    attributes = 'coordinate_transformation_mode="half_pixel_symmetric", mode="linear"'
    assert_same(make_model(f"y = Resize <{attributes}> (x, , s)", {"s": given}, opset=19))


def test_channels_last_images_stay() -> None:
    given = np.asarray((1, 2, 2, 1), np.float32)
    body = 'y = Resize <mode="nearest", nearest_mode="floor"> (x, , s)'
    graph = assert_same(make_model(body, {"s": given}, {"x": (4, 5, 3)}))
    assert op_names(graph) == ["resize"]


def test_sizes_computed_from_another_value() -> None:
    """As PyTorch exports interpolation to the size of another feature map."""
    body = (
        "p = AveragePool <kernel_shape=[8,8]> (x) s = Shape (x) h = Slice (s, two, four, zero)"
        " c = Slice (s, zero, two, zero) n = Concat <axis=0> (c, h)"
        ' y = Resize <mode="linear", coordinate_transformation_mode="align_corners"> (p, , , n)'
    )
    constants = {name: np.asarray([i], np.int64) for i, name in ((0, "zero"), (2, "two"))}
    assert_same(make_model(body, constants | {"four": np.asarray([4], np.int64)}))


WHOLE = (
    'mode="cubic"',
    'mode="cubic", cubic_coeff_a=-0.5, exclude_outside=1',
    'mode="cubic", coordinate_transformation_mode="align_corners"',
    'mode="linear", antialias=1',
    'mode="cubic", antialias=1',
    'mode="linear", keep_aspect_ratio_policy="not_larger", axes=[2,3]',
    'mode="nearest", keep_aspect_ratio_policy="not_smaller", axes=[2,3]',
)


@pytest.mark.parametrize("size", [(16, 16), (3, 11)])
@pytest.mark.parametrize("attributes", WHOLE)
def test_other_modes(attributes: str, size: tuple[int, int]) -> None:
    sizes = np.asarray(size) if "axes" in attributes else sized(*size)
    graph = assert_same(resize(attributes, sizes, 19))
    assert "transpose" not in op_names(graph)


@pytest.mark.parametrize("mode", ["nearest", "linear", "cubic"])
def test_regions(mode: str) -> None:
    """A region that begins inside and ends outside the image."""
    attributes = 'coordinate_transformation_mode="tf_crop_and_resize", extrapolation_value=10.0'
    region = np.asarray((0, 0, 0.25, -0.5, 1, 1, 0.75, 1.5), np.float32)
    body = f'y = Resize <mode="{mode}", {attributes}> (x, roi, , n)'
    assert_same(make_model(body, {"roi": region, "n": sized(5, 11)}))


@pytest.mark.parametrize(
    ("mode", "scales"),
    [("nearest", (1, 2, 2, 2)), ("linear", (1, 1.5, 1, 1))],
)
def test_any_axes(mode: str, scales: tuple[float, ...]) -> None:
    given = np.asarray(scales, np.float32)
    assert_same(make_model(f'y = Resize <mode="{mode}"> (x, , s)', {"s": given}))
