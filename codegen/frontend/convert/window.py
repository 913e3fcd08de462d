"""Where windows lie: explicit pads, auto_pad and ceil_mode."""

from __future__ import annotations

from codegen.frontend.call import Call
from codegen.frontend.operand import Unsupported

Pads = tuple[int, int, int, int]


def axis_pads(
    call: Call,
    size: tuple[int, ...],
    kernel: tuple[int, ...],
    strides: tuple[int, ...],
    dilations: tuple[int, ...],
) -> tuple[int, ...]:
    """Return the padding before each axis of a window, then that behind each."""
    axes = len(kernel)
    mode = call.text("auto_pad", "NOTSET")
    if mode == "NOTSET":
        pads = call.integers("pads") or (0,) * (2 * axes)
        if len(pads) != 2 * axes or min(pads) < 0:
            raise Unsupported(f"pads {pads} are not {2 * axes} counts")
        return pads
    if mode == "VALID":
        return (0,) * (2 * axes)
    if mode not in ("SAME_UPPER", "SAME_LOWER"):
        raise Unsupported(f"auto_pad '{mode}' is not known")
    before, after = [], []
    for axis in range(axes):
        extent = (kernel[axis] - 1) * dilations[axis] + 1
        outputs = -(-size[axis] // strides[axis])
        total = max((outputs - 1) * strides[axis] + extent - size[axis], 0)
        small, large = total // 2, total - total // 2
        before.append(small if mode == "SAME_UPPER" else large)
        after.append(large if mode == "SAME_UPPER" else small)
    return (*before, *after)


def ceil_pads(
    size: tuple[int, ...], kernel: tuple[int, int], strides: tuple[int, int], pads: Pads
) -> Pads:
    """Extend the bottom and right pads so that rounding down gives what ceil_mode asks for.

    A window that would begin in the end padding is dropped.

    >>> ceil_pads((32, 32), (3, 3), (2, 2), (0, 0, 0, 0))
    (0, 0, 1, 1)
    """
    ends = []
    for axis in (0, 1):
        padded = size[axis] + pads[axis] + pads[axis + 2]
        outputs = -(-(padded - kernel[axis]) // strides[axis]) + 1
        if (outputs - 1) * strides[axis] >= size[axis] + pads[axis]:
            outputs -= 1
        missing = (outputs - 1) * strides[axis] + kernel[axis] - padded
        ends.append(pads[axis + 2] + max(missing, 0))
    return pads[0], pads[1], ends[0], ends[1]
