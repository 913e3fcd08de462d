"""What TFLite operators mean in floats, channels last."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from codegen.ir.types import Array


def correlate(
    x: Array,
    w: Array,
    strides: tuple[int, int] = (1, 1),
    dilations: tuple[int, int] = (1, 1),
    same: bool = False,
) -> Array:
    """Convolve (1, H, W, C) with (M, kH, kW, C / groups), as TFLite pads."""
    size = [((k - 1) * d + 1) for k, d in zip(w.shape[1:3], dilations, strict=True)]
    if same:
        total = [
            max((-(-n // s) - 1) * s + k - n, 0)
            for n, s, k in zip(x.shape[1:3], strides, size, strict=True)
        ]
        x = np.pad(x, ((0, 0), *((t // 2, t - t // 2) for t in total), (0, 0)))
    rows = (x.shape[1] - size[0]) // strides[0] + 1
    columns = (x.shape[2] - size[1]) // strides[1] + 1
    groups = x.shape[3] // w.shape[3]
    y = np.zeros((1, rows, columns, w.shape[0]))
    for i, j, m in np.ndindex(rows, columns, w.shape[0]):
        top, left = i * strides[0], j * strides[1]
        window = x[0, top : top + size[0] : dilations[0], left : left + size[1] : dilations[1]]
        group = m // (w.shape[0] // groups)
        channels = slice(group * w.shape[3], (group + 1) * w.shape[3])
        y[0, i, j, m] = (window[:, :, channels] * w[m]).sum()
    return y


def transposed(x: Array, w: Array, strides: tuple[int, int], shape: tuple[int, ...]) -> Array:
    """Spread each pixel of x over a window of the result, SAME padding."""
    full = [(n - 1) * s + k for n, s, k in zip(x.shape[1:3], strides, w.shape[1:3], strict=True)]
    y = np.zeros((1, *(max(f, n) for f, n in zip(full, shape[1:3], strict=True)), w.shape[0]))
    for i, j in np.ndindex(*x.shape[1:3]):
        top, left = i * strides[0], j * strides[1]
        y[0, top : top + w.shape[1], left : left + w.shape[2]] += np.einsum(
            "c,mhwc->hwm", x[0, i, j], w
        )
    before = [max(f - n, 0) // 2 for f, n in zip(full, shape[1:3], strict=True)]
    return y[:, before[0] :, before[1] :][:, : shape[1], : shape[2]]


def pooled(x: Array, reduce: Callable[[Array], Array]) -> Array:
    """Pool 2x2 by 2; what hangs over the edge is left out."""
    rows, columns = -(-x.shape[1] // 2), -(-x.shape[2] // 2)
    y = np.zeros((1, rows, columns, x.shape[3]))
    for i, j in np.ndindex(rows, columns):
        window = x[:, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2]
        y[0, i, j] = reduce(window.reshape(-1, x.shape[3]))
    return y


def nearest(x: Array, rows: int, columns: int, place: Callable[[int, int, int], int]) -> Array:
    i = [min(place(r, x.shape[1], rows), x.shape[1] - 1) for r in range(rows)]
    j = [min(place(c, x.shape[2], columns), x.shape[2] - 1) for c in range(columns)]
    return x[:, i][:, :, j]


def bilinear(x: Array, rows: int, columns: int, place: Callable[[int, int, int], float]) -> Array:
    for axis, count in ((1, rows), (2, columns)):
        size = x.shape[axis]
        at = np.clip([place(i, size, count) for i in range(count)], 0, size - 1)
        low = np.floor(at).astype(int)
        part = (at - low).reshape([-1 if a == axis else 1 for a in range(4)])
        high = np.minimum(low + 1, size - 1)
        x = x.take(low, axis) * (1 - part) + x.take(high, axis) * part
    return x


def softmax(x: Array, beta: float = 1.0) -> Array:
    e = np.exp(beta * (x - x.max(-1, keepdims=True)))
    return e / e.sum(-1, keepdims=True)


def blocks_to_depth(x: Array, n: int) -> Array:
    _, h, w, c = x.shape
    y = x.reshape(1, h // n, n, w // n, n, c).transpose(0, 1, 3, 2, 4, 5)
    return y.reshape(1, h // n, w // n, n * n * c)


def depth_to_blocks(x: Array, n: int) -> Array:
    _, h, w, c = x.shape
    y = x.reshape(1, h, w, n, n, c // (n * n)).transpose(0, 1, 3, 2, 4, 5)
    return y.reshape(1, h * n, w * n, c // (n * n))
