"""Small ONNX models for tests of the whole chain."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnx.parser
from onnx import numpy_helper

ROOT = Path(__file__).resolve().parent.parent
TEXT = """
<ir_version: 8, opset_import: ["" : 17]>
toy (float[N, 2, 6, 6] image) => (float[N, 3] scores)
{
    a = Conv <kernel_shape = [3, 3], pads = [1, 1, 1, 1]> (image, w1, b1)
    b = Relu (a)
    c = MaxPool <kernel_shape = [2, 2], strides = [2, 2]> (b)
    d = Flatten (c)
    e = Gemm <transB = 1> (d, w2, b2)
    scores = Softmax (e)
}
"""
SHAPES = {"w1": (4, 2, 3, 3), "b1": (4,), "w2": (3, 36), "b2": (3,)}

SIBLING_TEXT = """
<ir_version: 8, opset_import: ["" : 17]>
sibling (float[N, 2, 6, 6] image) => (float[N, 5] scores)
{
    a = Conv <kernel_shape = [3, 3], pads = [1, 1, 1, 1]> (image, w1, b1)
    b = Relu (a)
    c = MaxPool <kernel_shape = [2, 2], strides = [2, 2]> (b)
    d = Flatten (c)
    scores = Gemm <transB = 1> (d, w3, b3)
}
"""
SIBLING_SHAPES = {"w1": SHAPES["w1"], "b1": SHAPES["b1"], "w3": (5, 36), "b3": (5,)}

SEGMENT_TEXT = """
<ir_version: 8, opset_import: ["" : 17]>
segment (float[N, 2, 24, 9] image) => (float[N, 3, 24, 9] map)
{
    a = Conv <kernel_shape = [3, 3], pads = [1, 1, 1, 1]> (image, w1)
    map = Relu (a)
}
"""


EVERY_TEXT = """
<ir_version: 8, opset_import: ["" : 17]>
every (float[N, 4, 8, 8] image) => (float[N, 5] scores, int64[N, 1] index)
{
    a = Conv <kernel_shape = [3, 3], pads = [1, 1, 1, 1]> (image, w1, b1)
    b = Relu (a)
    c = Conv <kernel_shape = [3, 3], dilations = [2, 2], pads = [2, 2, 2, 2]> (b, w2, b2)
    d = Conv <kernel_shape = [1, 1], group = 3> (c, w3, b3)
    apart = Constant <value = int64[5] {0, 3, 4, 8, 8}> ()
    e = Reshape (d, apart)
    f = Transpose <perm = [0, 2, 1, 3, 4]> (e)
    together = Constant <value = int64[4] {0, 12, 8, 8}> ()
    g = Reshape (f, together)
    h = Conv <kernel_shape = [3, 3], pads = [1, 1, 1, 1], group = 12> (g, w4, b4)
    i = Conv <kernel_shape = [1, 1]> (h, w5, b5)
    j = Add (i, b)
    k = MaxPool <kernel_shape = [2, 2], strides = [2, 2]> (j)
    l = AveragePool <kernel_shape = [3, 3], strides = [2, 2], pads = [1, 1, 1, 1]> (j)
    m = Concat <axis = 1> (k, l)
    n = Sigmoid (m)
    o = GlobalAveragePool (n)
    p = Flatten (o)
    q = Gemm <transB = 1> (p, w6, b6)
    scores = Softmax (q)
    index = ArgMax <axis = 1> (q)
}
"""
EVERY_SHAPES = {
    "w1": (12, 4, 3, 3),
    "w2": (12, 12, 3, 3),
    "w3": (12, 4, 1, 1),
    "w4": (12, 1, 3, 3),
    "w5": (12, 12, 1, 1),
    "w6": (5, 24),
    **{f"b{i}": (12,) for i in range(1, 6)},
    "b6": (5,),
}


def toy_model(text: str = TEXT, shapes: dict[str, tuple[int, ...]] = SHAPES) -> onnx.ModelProto:
    """Return a convolution, a pool, a dense layer and a softmax with seeded weights."""
    rng = np.random.default_rng(1)
    model = onnx.parser.parse_model(text)
    for name, shape in shapes.items():
        data = rng.normal(0, 0.5, shape).astype(np.float32)
        model.graph.initializer.append(numpy_helper.from_array(data, name))
    return model


def write_toy(folder: Path, name: str = "toy.onnx") -> Path:
    """Write the model into a folder and return its path."""
    path = folder / name
    onnx.save(toy_model(), path)
    return path


def write_every(folder: Path, name: str = "every.onnx") -> Path:
    """Write a model with each kind of layer of the engine in hardware, and return its path."""
    path = folder / name
    onnx.save(toy_model(EVERY_TEXT, EVERY_SHAPES), path)
    return path


def write_small_board(folder: Path) -> Path:
    """Write a Cortex-M0+ whose RAM the model is too large for, and return its path."""
    text = (ROOT / "targets" / "cortex-m0plus.toml").read_text(encoding="utf-8")
    path = folder / "small.toml"
    path.write_text(text.replace("size_bytes = 270_336", "size_bytes = 64"), encoding="utf-8")
    return path


def write_segment(folder: Path, name: str = "segment.onnx") -> Path:
    """Write a model from an image to an image, and return its path."""
    path = folder / name
    onnx.save(toy_model(SEGMENT_TEXT, {"w1": (3, 2, 3, 3)}), path)
    return path


def write_sibling(folder: Path, name: str = "sibling.onnx") -> Path:
    """Write a model whose first layer is that of the other, and return its path."""
    path = folder / name
    onnx.save(toy_model(SIBLING_TEXT, SIBLING_SHAPES), path)
    return path
