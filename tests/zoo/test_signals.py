"""The exact arithmetic behind the weights does what the ONNX operators do."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper

from codegen.zoo import signals
from codegen.zoo.signals import LEVELS, Signal, Window

RNG = np.random.default_rng(5)
UNIT = 0.25


def run(op_type: str, *arrays: np.ndarray, **attributes: Any) -> np.ndarray:
    names = [f"x{index}" for index in range(len(arrays))]
    node = helper.make_node(op_type, names, ["y"], **attributes)
    inputs = [
        helper.make_tensor_value_info(
            name, helper.np_dtype_to_tensor_dtype(array.dtype), array.shape
        )
        for name, array in zip(names, arrays, strict=True)
    ]
    output = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    graph = helper.make_graph([node], "g", inputs, [output])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    (y,) = session.run(None, dict(zip(names, arrays, strict=True)))
    return np.asarray(y)


def integers(*shape: int) -> np.ndarray:
    return RNG.integers(-LEVELS, LEVELS, shape, endpoint=True).astype(np.float32)


def close(found: Signal, expected: np.ndarray) -> None:
    """Equal up to the rounding to LEVELS."""
    assert found.steps.shape == expected.shape
    bound = 0.51 * np.abs(expected).max() / LEVELS
    np.testing.assert_allclose(found.reals, expected, rtol=0, atol=bound)
    np.testing.assert_array_equal(found.steps, np.rint(found.steps))


@pytest.mark.parametrize(
    ("group", "window"),
    [
        (1, Window((3, 3), (2, 2), (0, 0, 1, 1))),
        (1, Window((1, 3), pads=(0, 1, 0, 1))),
        (2, Window((3, 3), pads=(2, 2, 2, 2), dilations=(2, 2))),
        (6, Window((3, 3), (2, 1), (1, 1, 1, 1))),
        (3, Window((1, 1))),
    ],
)
def test_convolutions(group: int, window: Window) -> None:
    x, w = integers(2, 6, 9, 7), integers(12 if group < 6 else 6, 6 // group, *window.kernels)
    expected = run(
        "Conv",
        x,
        w,
        group=group,
        kernel_shape=window.kernels,
        strides=window.strides,
        pads=window.pads,
        dilations=window.dilations,
    )
    np.testing.assert_array_equal(signals.convolve(x, w, window, group), expected)


@pytest.mark.parametrize(
    "window",
    [
        Window((3, 3), (2, 2), ceil=True),
        Window((3, 3), (2, 2), (0, 0, 1, 1)),
        Window((2, 3), (1, 2), (1, 1, 1, 1)),
    ],
)
@pytest.mark.parametrize("side", [8, 9])
def test_pools(window: Window, side: int) -> None:
    x = Signal(integers(2, 3, side, side), UNIT)
    attributes = {
        "kernel_shape": window.kernels,
        "strides": window.strides,
        "pads": window.pads,
        "ceil_mode": int(window.ceil),
    }
    close(signals.pool_max(x, window), run("MaxPool", x.reals, **attributes))
    close(signals.pool_average(x, window), run("AveragePool", x.reals, **attributes))


def test_global_averages_are_exact() -> None:
    x = Signal(integers(2, 3, 4, 8), UNIT)
    found = signals.pool_all(x)
    np.testing.assert_array_equal(found.reals, run("GlobalAveragePool", x.reals))


@pytest.mark.parametrize("size", [1, 3, 5])
def test_local_response_normalization(size: int) -> None:
    x = Signal(integers(2, 7, 3, 3), 1.0)
    close(
        signals.respond(x, size, 0.01, 1.0),
        run("LRN", x.reals, size=size, alpha=0.01, beta=0.75, bias=1.0),
    )


@pytest.mark.parametrize("size", [(9, 5), (2, 1), (4, 4)])
@pytest.mark.parametrize("side", [1, 4])
def test_resize(size: tuple[int, int], side: int) -> None:
    x = Signal(integers(1, 2, side, side), UNIT)
    sizes = np.array([1, 2, *size], np.int64)
    node = helper.make_node(
        "Resize",
        ["x", "", "", "sizes"],
        ["y"],
        mode="linear",
        coordinate_transformation_mode="align_corners",
    )
    graph = helper.make_graph(
        [node],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, x.steps.shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [onnx.numpy_helper.from_array(sizes, "sizes")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    (expected,) = session.run(None, {"x": x.reals.astype(np.float32)})
    close(signals.interpolate(x, *size), np.asarray(expected))


def test_moments_are_those_of_the_channels() -> None:
    steps = integers(4, 3, 5, 5) * 1000
    means, variances = signals.moments(steps)
    np.testing.assert_allclose(means, steps.mean(axis=(0, 2, 3)))
    np.testing.assert_allclose(variances, steps.astype(np.float64).var(axis=(0, 2, 3)), rtol=1e-6)


def test_small_signals_are_kept_and_large_ones_rounded() -> None:
    kept = Signal(integers(2, 2, 2, 2), UNIT)
    assert signals.small(kept) is kept
    large = Signal(integers(2, 2, 2, 2) * 900, UNIT)
    found = signals.small(large)
    assert np.abs(found.steps).max() == LEVELS
    close(found, large.reals)
    assert signals.level(np.zeros((1, 2))).unit == 1.0
