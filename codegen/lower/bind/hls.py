"""Bind the kernels for high-level synthesis as portable ones, with the lengths of constants."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from codegen.ir.op import Signature
from codegen.lower.bind.binding import Binding
from codegen.lower.bind.elementwise import bind_add, bind_flip_sign, bind_softmax, bind_table
from codegen.lower.bind.layout import (
    bind_concat,
    bind_copy,
    bind_pad,
    bind_resize,
    bind_slice,
    bind_transpose,
)
from codegen.lower.bind.linear import (
    DENSE_4X1,
    FOURS_4X1,
    bind_conv2d,
    bind_dense,
    bind_depthwise,
)
from codegen.lower.bind.pool import bind_average_pool, bind_global_average_pool, bind_max_pool
from codegen.ops import Conv2d


def bind_conv2d_hls(op: Conv2d, signature: Signature) -> Binding:
    """Four filters at a time, whose weights are one word of their memory."""
    binding = bind_conv2d(FOURS_4X1, op, signature)
    _, kh, kw, depth = signature.inputs[1].shape
    stem = binding.stem.replace("conv2d_single", "conv2d", 1)
    return replace(binding, stem=stem, params={**binding.params, "taps": kh * kw * depth})


def sized(bind: Callable[..., Binding]) -> Callable[..., Binding]:
    """Return a binder that tells the lengths of constants: arrays without one are no memories."""

    def bind_sized(op: Any, signature: Signature) -> Binding:
        binding = bind(op, signature)
        lengths = {data.role: int(data.values.size) for data in binding.data}
        types = [data.ctype for data in binding.data if data.role == "weights"]
        told = {"lengths": lengths, "weight": types[0] if types else ""}
        return replace(binding, params={**binding.params, **told})

    return bind_sized


LINEAR: Mapping[str, Callable[..., Binding]] = {
    "conv2d": bind_conv2d_hls,
    "depthwise": bind_depthwise,
    "dense": partial(bind_dense, DENSE_4X1),
}
OTHERS: Mapping[str, Callable[..., Binding]] = {
    "add": bind_add,
    "max_pool": bind_max_pool,
    "average_pool": bind_average_pool,
    "global_average_pool": bind_global_average_pool,
    "copy": bind_copy,
    "table": bind_table,
    "flip_sign": bind_flip_sign,
    "softmax": bind_softmax,
    "concat": bind_concat,
    "pad": bind_pad,
    "slice": bind_slice,
    "resize_nearest": bind_resize,
    "transpose": bind_transpose,
}
HLS: Mapping[str, Callable[..., Binding]] = {
    **{f"hls/{kernel}": sized(bind) for kernel, bind in {**LINEAR, **OTHERS}.items()},
    **{f"hls/{kernel}_wide": sized(bind) for kernel, bind in LINEAR.items()},
}
