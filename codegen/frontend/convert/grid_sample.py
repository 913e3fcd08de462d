"""GridSample: an operator that computes in floats alone."""

from __future__ import annotations

from typing import get_args

import numpy as np

from codegen.frontend.builder import Builder
from codegen.frontend.call import Call
from codegen.frontend.operand import NHWC, Const, Unsupported, View
from codegen.ops import GridSample
from codegen.ops.grid_sample import Padding

LINEAR = ("linear", "bilinear")


def convert_grid_sample(builder: Builder, call: Call) -> View:
    """GridSample of an image, linear or nearest, with every padding; in floats alone."""
    image, mode = call.view(0), call.text("mode", "linear")
    wanted = call.text("padding_mode", "zeros")
    padding: Padding | None = next((p for p in get_args(Padding) if p == wanted), None)
    if mode not in (*LINEAR, "nearest") or padding is None:
        raise Unsupported(f"mode '{mode}'", "linear and nearest have a kernel")
    if image.rank != 4 or not image.batched:
        raise Unsupported("samples what is no single image")
    grid = call.operand(1)
    if isinstance(grid, Const):
        places = builder.constant(grid.name, grid.real()[0].astype(np.float32))
    else:
        places = builder.layout(call.view(1), (0, 1, 2), call.loc)
    op = GridSample(mode in LINEAR, padding, bool(call.integer("align_corners", 0)))
    return builder.emit(op, (builder.layout(image, NHWC, call.loc), places), call, NHWC)
