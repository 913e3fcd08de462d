"""One network for each TFLite operator, and what it means in floats, channels last."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from codegen.ir.types import Array
from tests.frontend.tflite.build import G, O, T, int8, int32
from tests.frontend.tflite.meaning import (
    bilinear,
    blocks_to_depth,
    correlate,
    depth_to_blocks,
    nearest,
    pooled,
    softmax,
    transposed,
)

RNG = np.random.default_rng(5)
IN, OUT = (0.05, -3), (0.04, 5)
"""Scale and zero point of inputs and outputs."""


@dataclass(frozen=True)
class Case:
    """A network of one operator; `meaning` maps real inputs to real outputs."""

    name: str
    graph: G
    meaning: Callable[..., Array | tuple[Array, ...]]


def case(
    name: str,
    meaning: Callable[..., Any],
    shapes: tuple[tuple[int, ...], ...],
    results: tuple[tuple[int, ...], ...],
    *,
    constants: tuple[T, ...] = (),
    order: tuple[str, ...] | None = None,
    options: str = "",
    out: tuple[float, int] = OUT,
    **fields: Any,
) -> Case:
    """Return a network whose operands are inputs x0, x1, then the constants, unless in `order`."""
    inputs = [T(f"x{i}", shape, "INT8", *IN) for i, shape in enumerate(shapes)]
    outputs = [T(f"y{i}", shape, "INT8", *out) for i, shape in enumerate(results)]
    operands = order or tuple(t.name for t in (*inputs, *constants))
    kind = name.split(":")[0]
    made = tuple(t.name for t in outputs)
    op = O(kind, operands, made, options, fields)
    graph = G((*inputs, *constants, *outputs), (op,), tuple(t.name for t in inputs), made)
    return Case(name, graph, meaning)


def weights(*shape: int) -> Array:
    return RNG.integers(-127, 128, shape)


W_CONV, W_GROUPED, W_DEPTH = weights(4, 3, 2, 3), weights(4, 3, 3, 2), weights(1, 3, 3, 6)
W_UP, W_DENSE = weights(2, 3, 3, 3), weights(5, 6)
SCALES_4, SCALES_6 = (0.004, 0.002, 0.003, 0.001), (0.004, 0.002, 0.003, 0.001, 0.002, 0.003)
BIAS_4 = int32("b", [100, -200, 300, 7], tuple(0.05 * s for s in SCALES_4))
REAL_BIAS_4 = np.float64([100, -200, 300, 7]) * 0.05 * np.float64(SCALES_4)
BIAS_5 = int32("b", [100, -200, 300, 7, 0], 0.05 * 0.01)
REAL_BIAS_5 = np.float64([100, -200, 300, 7, 0]) * 0.05 * 0.01
IMAGE, SMALL = (1, 7, 6, 3), (1, 4, 4, 2)
SIDE = {"StrideH": 2, "StrideW": 1, "Padding": 0}


def reals(w: Array, scales: tuple[float, ...]) -> Array:
    """Return filters of reals, a scale for each of the last axis's or first axis's."""
    return w * np.float64(scales).reshape(-1, 1, 1, 1)


def filters_of_depthwise() -> Array:
    return reals(W_DEPTH.transpose(3, 1, 2, 0), SCALES_6)


CASES = (
    case(
        "CONV_2D:same",
        lambda x: np.clip(
            correlate(x, reals(W_CONV, SCALES_4), (2, 1), same=True) + REAL_BIAS_4,
            0,
            None,
        ),
        (IMAGE,),
        ((1, 4, 6, 4),),
        constants=(int8("w", W_CONV, SCALES_4), BIAS_4),
        options="Conv2DOptions",
        FusedActivationFunction=1,
        **SIDE,
    ),
    case(
        "CONV_2D:dilated",
        lambda x: correlate(x, reals(W_CONV, SCALES_4), (1, 1), (2, 3)) + REAL_BIAS_4,
        (IMAGE,),
        ((1, 3, 3, 4),),
        constants=(int8("w", W_CONV, SCALES_4), BIAS_4),
        options="Conv2DOptions",
        Padding=1,
        StrideH=1,
        StrideW=1,
        DilationHFactor=2,
        DilationWFactor=3,
    ),
    case(
        "CONV_2D:grouped",
        lambda x: correlate(x, reals(W_GROUPED, SCALES_4), same=True) + REAL_BIAS_4,
        ((1, 4, 4, 4),),
        ((1, 4, 4, 4),),
        constants=(int8("w", W_GROUPED, SCALES_4), BIAS_4),
        options="Conv2DOptions",
        StrideH=1,
        StrideW=1,
    ),
    case(
        "DEPTHWISE_CONV_2D",
        lambda x: np.clip(correlate(x, filters_of_depthwise(), (2, 1), same=True), 0, 6),
        (IMAGE,),
        ((1, 4, 6, 6),),
        constants=(int8("w", W_DEPTH, SCALES_6, 3),),
        options="DepthwiseConv2DOptions",
        DepthMultiplier=2,
        FusedActivationFunction=3,
        **SIDE,
    ),
    case(
        "TRANSPOSE_CONV",
        lambda x: transposed(x, W_UP * 0.004, (2, 2), (1, 8, 8, 2)),
        ((1, 4, 4, 3),),
        ((1, 8, 8, 2),),
        constants=(int32("s", [1, 8, 8, 2]), int8("w", W_UP, 0.004)),
        order=("s", "w", "x0"),
        options="TransposeConvOptions",
        StrideH=2,
        StrideW=2,
    ),
    case(
        "FULLY_CONNECTED",
        lambda x: x.reshape(1, 6) @ (W_DENSE * 0.01).T + REAL_BIAS_5,
        ((1, 1, 2, 3),),
        ((1, 5),),
        constants=(int8("w", W_DENSE, 0.01), BIAS_5),
        options="FullyConnectedOptions",
    ),
    case(
        "FULLY_CONNECTED:rows",
        lambda x: x @ (W_DENSE * 0.01).T + REAL_BIAS_5,
        ((1, 4, 6),),
        ((1, 4, 5),),
        constants=(int8("w", W_DENSE, 0.01), BIAS_5),
        options="FullyConnectedOptions",
        KeepNumDims=True,
    ),
    case("ADD", lambda x, y: x + y, (SMALL, SMALL), (SMALL,), options="AddOptions"),
    case(
        "ADD:relu",
        lambda x, y: np.clip(x + y, -1, 1),
        (SMALL, SMALL),
        (SMALL,),
        options="AddOptions",
        FusedActivationFunction=2,
    ),
    case("SUB", lambda x, y: x - y, (SMALL, SMALL), (SMALL,), options="SubOptions"),
    case("MUL", lambda x, y: x * y, (SMALL, SMALL), (SMALL,), options="MulOptions"),
    case(
        "MUL:constant",
        lambda x: x * np.float64([50, -20]) * 0.02,
        (SMALL,),
        (SMALL,),
        constants=(int8("c", np.array([50, -20]), 0.02),),
        options="MulOptions",
    ),
    case("MAXIMUM", np.maximum, (SMALL, SMALL), (SMALL,), out=IN, options="MaximumMinimumOptions"),
    case("MINIMUM", np.minimum, (SMALL, SMALL), (SMALL,), out=IN, options="MaximumMinimumOptions"),
    case(
        "AVERAGE_POOL_2D",
        lambda x: pooled(x, lambda window: window.mean(0)),
        ((1, 5, 4, 3),),
        ((1, 3, 2, 3),),
        out=IN,
        options="Pool2DOptions",
        FilterHeight=2,
        FilterWidth=2,
        StrideH=2,
        StrideW=2,
    ),
    case(
        "MAX_POOL_2D",
        lambda x: pooled(x, lambda window: window.max(0)),
        ((1, 5, 4, 3),),
        ((1, 3, 2, 3),),
        out=IN,
        options="Pool2DOptions",
        FilterHeight=2,
        FilterWidth=2,
        StrideH=2,
        StrideW=2,
    ),
    case(
        "MEAN",
        lambda x: x.mean((1, 2)),
        (SMALL,),
        ((1, 2),),
        constants=(int32("a", [1, 2]),),
        options="ReducerOptions",
    ),
    case(
        "SUM",
        lambda x: x.sum(3, keepdims=True),
        (SMALL,),
        ((1, 4, 4, 1),),
        out=(0.12, 5),
        constants=(int32("a", [3]),),
        options="ReducerOptions",
        KeepDims=True,
    ),
    case(
        "SOFTMAX",
        softmax,
        ((1, 7),),
        ((1, 7),),
        out=(1 / 256, -128),
        options="SoftmaxOptions",
        Beta=1.0,
    ),
    case(
        "SOFTMAX:beta",
        lambda x: softmax(x, 0.5),
        ((1, 7),),
        ((1, 7),),
        out=(1 / 256, -128),
        options="SoftmaxOptions",
        Beta=0.5,
    ),
    case("RELU", lambda x: np.maximum(x, 0), (SMALL,), (SMALL,)),
    case("RELU6", lambda x: np.clip(x, 0, 6), (SMALL,), (SMALL,)),
    case("LOGISTIC", lambda x: 1 / (1 + np.exp(-x)), (SMALL,), (SMALL,), out=(1 / 256, -128)),
    case("TANH", np.tanh, (SMALL,), (SMALL,), out=(1 / 128, 0)),
    case("HARD_SWISH", lambda x: x * np.clip(x / 6 + 0.5, 0, 1), (SMALL,), (SMALL,)),
    case(
        "LEAKY_RELU",
        lambda x: np.where(x > 0, x, 0.25 * x),
        (SMALL,),
        (SMALL,),
        options="LeakyReluOptions",
        Alpha=0.25,
    ),
    case("QUANTIZE", lambda x: x, (SMALL,), (SMALL,)),
    case(
        "RESHAPE",
        lambda x: x.reshape(1, 8, 4),
        (SMALL,),
        ((1, 8, 4),),
        out=IN,
        constants=(int32("s", [1, 8, 4]),),
    ),
    case(
        "SQUEEZE",
        lambda x: x.reshape(1, 4, 2),
        ((1, 4, 1, 2),),
        ((1, 4, 2),),
        out=IN,
        options="SqueezeOptions",
    ),
    case(
        "CONCATENATION",
        lambda x, y: np.concatenate([x, y], 2),
        (SMALL, (1, 4, 3, 2)),
        ((1, 4, 7, 2),),
        out=IN,
        options="ConcatenationOptions",
        Axis=2,
    ),
    case(
        "PAD",
        lambda x: np.pad(x, ((0, 0), (1, 2), (0, 1), (0, 0))),
        (SMALL,),
        ((1, 7, 5, 2),),
        out=IN,
        constants=(int32("p", np.array([[0, 0], [1, 2], [0, 1], [0, 0]])),),
    ),
    case(
        "PADV2",
        lambda x: np.pad(x, ((0, 0), (1, 2), (0, 1), (0, 0)), constant_values=0.05 * 13),
        (SMALL,),
        ((1, 7, 5, 2),),
        out=IN,
        constants=(
            int32("p", np.array([[0, 0], [1, 2], [0, 1], [0, 0]])),
            T("c", (1,), "INT8", *IN, np.array([10], np.int8)),
        ),
    ),
    case(
        "TRANSPOSE",
        lambda x: x.transpose(0, 2, 3, 1),
        (SMALL,),
        ((1, 4, 2, 4),),
        out=IN,
        constants=(int32("p", [0, 2, 3, 1]),),
    ),
    case(
        "STRIDED_SLICE",
        lambda x: x[:, 1:4:2, :, 0],
        (SMALL,),
        ((1, 2, 4),),
        out=IN,
        constants=(
            int32("begin", [0, 1, 3, 0]),
            int32("end", [1, 4, 1, 1]),
            int32("step", [1, 2, 1, 1]),
        ),
        options="StridedSliceOptions",
        BeginMask=4,
        EndMask=4,
        ShrinkAxisMask=8,
    ),
    case(
        "SLICE",
        lambda x: x[:, 1:3, 2:],
        (SMALL,),
        ((1, 2, 2, 2),),
        out=IN,
        constants=(int32("begin", [0, 1, 2, 0]), int32("size", [1, 2, -1, 2])),
    ),
    case(
        "SPLIT",
        lambda x: tuple(np.split(x, 2, 2)),
        (SMALL,),
        ((1, 4, 2, 2), (1, 4, 2, 2)),
        out=IN,
        constants=(int32("axis", 2),),
        order=("axis", "x0"),
        options="SplitOptions",
        NumSplits=2,
    ),
    case(
        "SPLIT_V",
        lambda x: (x[:, :1], x[:, 1:]),
        (SMALL,),
        ((1, 1, 4, 2), (1, 3, 4, 2)),
        out=IN,
        constants=(int32("sizes", [1, 3]), int32("axis", 1)),
        options="SplitVOptions",
        NumSplits=2,
    ),
    case(
        "RESIZE_NEAREST_NEIGHBOR",
        lambda x: nearest(x, 6, 8, lambda i, size, count: i * size // count),
        (SMALL,),
        ((1, 6, 8, 2),),
        out=IN,
        constants=(int32("s", [6, 8]),),
        options="ResizeNearestNeighborOptions",
    ),
    case(
        "RESIZE_NEAREST_NEIGHBOR:half",
        lambda x: nearest(x, 6, 3, lambda i, size, count: (2 * i + 1) * size // (2 * count)),
        (SMALL,),
        ((1, 6, 3, 2),),
        out=IN,
        constants=(int32("s", [6, 3]),),
        options="ResizeNearestNeighborOptions",
        HalfPixelCenters=True,
    ),
    case(
        "RESIZE_BILINEAR:half",
        lambda x: bilinear(x, 8, 6, lambda i, size, count: (i + 0.5) * size / count - 0.5),
        (SMALL,),
        ((1, 8, 6, 2),),
        out=IN,
        constants=(int32("s", [8, 6]),),
        options="ResizeBilinearOptions",
        HalfPixelCenters=True,
    ),
    case(
        "RESIZE_BILINEAR:corners",
        lambda x: bilinear(x, 7, 10, lambda i, size, count: i * (size - 1) / (count - 1)),
        (SMALL,),
        ((1, 7, 10, 2),),
        out=IN,
        constants=(int32("s", [7, 10]),),
        options="ResizeBilinearOptions",
        AlignCorners=True,
    ),
    case(
        "SPACE_TO_DEPTH",
        lambda x: blocks_to_depth(x, 2),
        (SMALL,),
        ((1, 2, 2, 8),),
        out=IN,
        options="SpaceToDepthOptions",
        BlockSize=2,
    ),
    case(
        "DEPTH_TO_SPACE",
        lambda x: depth_to_blocks(x, 2),
        ((1, 2, 2, 8),),
        (SMALL,),
        out=IN,
        options="DepthToSpaceOptions",
        BlockSize=2,
    ),
    case("ABS", np.abs, (SMALL,), (SMALL,)),
    case("EXP", np.exp, (SMALL,), (SMALL,), out=(4.0, -128)),
    case(
        "PACK",
        lambda x, y: np.stack([x, y], 1),
        ((1, 4, 2), (1, 4, 2)),
        ((1, 2, 4, 2),),
        out=IN,
        options="PackOptions",
        Axis=1,
        ValuesCount=2,
    ),
    case(
        "BATCH_MATMUL",
        np.matmul,
        ((1, 3, 4), (1, 4, 5)),
        ((1, 3, 5),),
        options="BatchMatMulOptions",
    ),
)
