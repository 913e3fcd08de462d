"""Round weights so that errors cancel: each makes up for those that were rounded before it.

The nearest integers are best one by one, not together: where operands are correlated, one error
can undo another. Weights of a filter are rounded in turn; what is lost is spread over those still
to come so that the layer's result on the samples changes least. Source: Frantar et al. 2022,
"GPTQ", arXiv 2210.17323, section 3 (with damping), which solves what Nagel et al. 2020, "Up or
Down? Adaptive Rounding", arXiv 2004.10568, states.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from codegen.ir.graph import Node
from codegen.ir.types import Array
from codegen.ops import Conv2d

PATCHES = 8192
"""Patches of a layer's operand that stand for all."""
PATCH_ELEMENTS = 1 << 23
"""Most elements of all patches together; bounds memory."""
BLOCK = 32
"""Weights of a filter after which the others learn of what these changed."""
DAMPING = 0.01
"""Share of the mean square that is added to each: how little is built on the samples."""


def round_together(steps: Array, patches: Array, levels: Array) -> Array:
    """Return integers of `levels` for weights (G, M, K), in steps of their scales; 0 stays so.

    `patches` (G, P, K) are what they are multiplied by; the sums over K of all patches change
    least in the mean square.

    >>> round_together(np.array([[[0.6, 0.6]]]), np.array([[[1.0, 1.0]]]), np.arange(9)).tolist()
    [[[1.0, 0.0]]]
    """
    return round_in_turn(steps, damp(products(patches)), levels)


def products(patches: Array) -> Array:
    """Return the sums over all patches (G, P, K) of the products of two elements, (G, K, K)."""
    found: Array = np.matmul(patches.swapaxes(1, 2), patches).astype(np.float64)
    return found


def damp(squares: Array) -> Array:
    """Return sums of products with a little of their mean square added to each square."""
    mean = np.trace(squares, axis1=1, axis2=2) / squares.shape[1]
    damped: Array = squares + np.eye(squares.shape[1]) * (DAMPING * mean + 1e-9)[:, None, None]
    return damped


def round_in_turn(steps: Array, damped: Array, levels: Array) -> Array:
    """Return the integers of `round_together` for given sums of products."""
    weights, pruned = steps.astype(np.float64), steps == 0
    factors = np.linalg.cholesky(np.linalg.inv(damped)).swapaxes(1, 2)
    rounded = np.empty_like(weights)
    lost = np.empty_like(weights)
    for first, last in blocks(weights.shape[2]):
        for k in range(first, last):
            rounded[:, :, k] = nearest(np.where(pruned[:, :, k], 0, weights[:, :, k]), levels)
            lost[:, :, k] = (weights[:, :, k] - rounded[:, :, k]) / factors[:, None, k, k]
            ahead = slice(k + 1, last)
            weights[:, :, ahead] -= lost[:, :, k, None] * factors[:, None, k, ahead]
        weights[:, :, last:] -= lost[:, :, first:last] @ factors[:, first:last, last:]
    return rounded


def blocks(count: int) -> Iterator[tuple[int, int]]:
    """Yield begin and end of the blocks in which weights are gone through.

    What one changes is told to its own block at once, to all others when the block is done.
    """
    for first in range(0, count, BLOCK):
        yield first, min(first + BLOCK, count)


def nearest(steps: Array, levels: Array) -> Array:
    """Return for each number the nearest of some integers in order.

    >>> nearest(np.array([-9.0, -0.2, 0.4]), np.array([-1, 1])).tolist()
    [-1, -1, 1]
    """
    if levels[-1] - levels[0] == len(levels) - 1:
        return np.clip(np.rint(steps), levels[0], levels[-1])
    found: Array = levels[np.searchsorted((levels[1:] + levels[:-1]) / 2, steps)]
    return found


def pays_off(exact: Array, nearest: Array, together: Array, patches: Array) -> bool:
    """The integers rounded together make less error than the nearest ones, all patches counted."""
    errors = [
        float(np.square(np.matmul(patches, (exact - steps).swapaxes(1, 2))).sum())
        for steps in (nearest, together)
    ]
    return errors[1] < errors[0]


def patches_of(node: Node, shape: tuple[int, ...], operand: Array, pad_value: int) -> Array:
    """Return what weights of that shape are multiplied by, (G, P, K)."""
    if isinstance(node.op, Conv2d):
        return sample_patches(node.op, operand, (shape[1], shape[2]), pad_value)
    return operand[None].reshape(1, len(operand), -1)


def sample_patches(op: Conv2d, x: Array, kernel: tuple[int, int], pad_value: int) -> Array:
    """Return windows of a convolution's operand (N, H, W, C), as (groups, P, kH * kW * depth)."""
    top, left, bottom, right = op.pads
    padding = ((0, 0), (top, bottom), (left, right), (0, 0))
    padded = np.pad(x, padding, constant_values=pad_value)
    extent = [(size - 1) * step + 1 for size, step in zip(kernel, op.dilations, strict=True)]
    windows = np.lib.stride_tricks.sliding_window_view(padded, extent, (1, 2))
    windows = windows[
        :, :: op.strides[0], :: op.strides[1], :, :: op.dilations[0], :: op.dilations[1]
    ]
    places = np.arange(int(np.prod(windows.shape[:3])))
    most = min(PATCHES, PATCH_ELEMENTS // (kernel[0] * kernel[1] * x.shape[3]))
    if len(places) > most:
        places = np.random.default_rng(0).choice(places, most, replace=False)
    taken = windows[np.unravel_index(places, windows.shape[:3])]
    grouped = taken.reshape(len(taken), op.group, -1, *kernel)
    return grouped.transpose(1, 0, 3, 4, 2).reshape(op.group, len(taken), -1)
