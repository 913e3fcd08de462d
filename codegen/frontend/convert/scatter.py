"""OneHot and Col2Im: elements put in their places."""

from __future__ import annotations

import math

import numpy as np

from codegen.frontend.builder import Builder
from codegen.frontend.call import Call
from codegen.frontend.convert.broadcast import is_plain
from codegen.frontend.convert.integer import window_index
from codegen.frontend.convert.move import numbers
from codegen.frontend.operand import View
from codegen.ir.types import DType
from codegen.ops import Cast, Elementwise, Reduce, Reshape, Take
from codegen.ops.take import FILL

WIDE = (DType.INT32, DType.INT64)
EQUAL, EITHER = Elementwise("equal", exact=True), Elementwise("bit_or", exact=True)


def convert_one_hot(builder: Builder, call: Call) -> View:
    """OneHot of a constant depth: indices are compared with all places, from either end."""
    view, depth = call.view(0), int(call.constant(1).data.item())
    exact = is_plain(builder, view)
    index = builder.full(view, call.loc)
    dtype = builder.types[index].dtype
    if dtype not in WIDE:
        index = builder.add(Cast(DType.INT32, exact), (index,), call.loc, f"{call.output}_index")
        dtype = DType.INT32
    shape = builder.types[index].shape
    axis = call.integer("axis", -1) % (len(shape) + 1)
    index = builder.reshaped(index, (*shape[:axis], 1, *shape[axis:]), call.loc)
    places = np.arange(depth, dtype=dtype.numpy).reshape(-1, *(1,) * (len(shape) - axis))
    hits = []
    for side, found in (("places", places), ("from_end", places - depth)):
        held = builder.constant(f"{call.output}_{side}", found)
        hits.append(builder.add(EQUAL, (index, held), call.loc, f"{call.output}_{side}_hit"))
    hit = builder.add(EITHER, tuple(hits), call.loc, f"{call.output}_hit")
    values = call.constant(2).real()
    is_exact = values.dtype.kind in "iub"
    values = values if is_exact else values.astype(np.float32)
    on, off = (builder.constant(f"{call.output}_{i}", values[i : i + 1]) for i in (1, 0))
    return builder.emit_full(Elementwise("where", is_exact), (hit, on, off), call)


def convert_col2im(builder: Builder, call: Call) -> View:
    """Col2Im: each element of the image is a sum of what the columns have for it."""
    view = call.view(0)
    image, block = (tuple(map(int, call.constant(index).data)) for index in (1, 2))
    batch, rows, _ = builder.full_shape(view)
    taps = math.prod(block)
    channels = rows // taps
    places = np.arange(math.prod(image)).reshape(1, 1, *image)
    reads = window_index(call, places, block).reshape(-1)
    own = numbers(builder, view).reshape(batch * channels, -1)
    order = np.argsort(reads, kind="stable")
    order = order[reads[order] != FILL]
    place = reads[order]
    counts = np.bincount(place, minlength=places.size)
    nth = np.arange(len(place)) - np.repeat(np.cumsum(counts) - counts, counts)
    index = np.full((batch * channels, places.size, max(int(counts.max()), 1)), FILL)
    index[:, place, nth] = own[:, order]
    flat = index.reshape(-1, index.shape[2], 1).astype(np.int32)
    held = builder.constant(f"{call.output}_index", flat)
    x = builder.add(Take(), (view.value, held), call.loc, f"{call.output}_terms")
    y = builder.add(Reduce("sum"), (x,), call.loc, f"{call.output}_sums")
    return builder.emit_full(Reshape((batch, channels, *image)), (y,), call)
