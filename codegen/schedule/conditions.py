"""When a kernel may be used, and the working memory it takes in bytes."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from codegen.ir.fixed_point import INT32_MAX
from codegen.ir.op import Op, Signature
from codegen.ir.types import DType
from codegen.ops import (
    Add,
    AveragePool,
    Conv2d,
    Dense,
    Elementwise,
    Gru,
    InFloat,
    Recurrent,
    Reduce,
    Resize,
    SumPoolVolume,
    Transpose,
)
from codegen.ops.elementwise import differs_by_row
from codegen.ops.linear import SHORT, LinearParams
from codegen.ops.reduce import Kind, is_plain
from codegen.ops.runs import LOOPS, index_of, strided_loops
from codegen.ops.take import FILL
from codegen.ops.unary import Unary
from codegen.schedule.cost import round_up


def always(op: Op, signature: Signature) -> bool:
    """For every form of the operator."""
    return True


def no_scratch(op: Op, signature: Signature) -> int:
    """No working memory."""
    return 0


def is_pointwise(op: Op, signature: Signature) -> bool:
    """A 1x1 convolution of one group without padding."""
    assert isinstance(op, Conv2d)
    return signature.inputs[1].shape[1:3] == (1, 1) and op.group == 1 and not any(op.pads)


def is_depthwise(op: Op, signature: Signature) -> bool:
    """One filter for each channel, and horizontal padding less than the window."""
    assert isinstance(op, Conv2d)
    kernel_width = signature.inputs[1].shape[2]
    return op.is_depthwise(signature) and max(op.pads[1], op.pads[3]) < kernel_width


def slides_by_one(op: Op, signature: Signature) -> bool:
    """Depthwise of 3x3, stride 1, four channels or more, at most one of padding a side."""
    assert isinstance(op, Conv2d)
    return op.strides[1] == 1 and slides_3x3(op, signature)


def slides_by_two(op: Op, signature: Signature) -> bool:
    """The same with a stride of 2."""
    assert isinstance(op, Conv2d)
    return op.strides[1] == 2 and slides_3x3(op, signature)


def slides_3x3(op: Conv2d, signature: Signature) -> bool:
    """Depthwise of 3x3, side by side, four channels or more, at most one of padding a side.

    Sums, and so biases, have 24 bits.
    """
    return (
        is_depthwise(op, signature)
        and signature.inputs[1].shape[1:3] == (3, 3)
        and op.dilations == (1, 1)
        and max(op.pads) <= 1
        and signature.inputs[0].channels >= 4
        and has_short_sums(op.params(signature))
    )


def column_pairs(op: Conv2d, signature: Signature) -> int:
    """How many pairs of columns the windows of a row span."""
    return -(-strip_columns(op, signature) // 2)


def four_channels(op: Op, signature: Signature) -> int:
    """Three words for each two columns of four channels."""
    assert isinstance(op, Conv2d)
    return 48 * column_pairs(op, signature)


STRIP_WORD_BYTES = 16
"""A word of each of four channels."""
MOST_STRIP_WORDS = 40
"""Of a window: each takes about 25 bytes of code."""
MOST_STRIP_ROWS = 16


def slides_along_strips(op: Op, signature: Signature) -> bool:
    """Any other depthwise window of up to 40 pairs, side by side, with a stride of 1 or 2.

    Windows of one column share no words: they are expanded in vain.
    """
    assert isinstance(op, Conv2d)
    _, kh, kw, _ = signature.inputs[1].shape
    small = kw > 1 and kh <= MOST_STRIP_ROWS and row_pairs(signature) * kw <= MOST_STRIP_WORDS
    near = op.strides[1] <= 2 and op.dilations[1] == 1
    return is_depthwise(op, signature) and small and near and not slides_3x3(op, signature)


def strips_by_one(op: Op, signature: Signature) -> bool:
    """The same with a stride of 1."""
    assert isinstance(op, Conv2d)
    return op.strides[1] == 1 and slides_along_strips(op, signature)


def strips_by_two(op: Op, signature: Signature) -> bool:
    """The same with a stride of 2."""
    assert isinstance(op, Conv2d)
    return op.strides[1] == 2 and slides_along_strips(op, signature)


def row_pairs(signature: Signature) -> int:
    """How many pairs the rows of a window make, the last one perhaps with nothing."""
    return -(-signature.inputs[1].shape[1] // 2)


def strip_columns(op: Conv2d, signature: Signature) -> int:
    """How many columns the windows of a row span."""
    return op.strides[1] * (signature.output.width - 1) + signature.inputs[1].shape[2]


def strips(op: Op, signature: Signature) -> int:
    """The words of four channels of each pair of rows."""
    assert isinstance(op, Conv2d)
    return STRIP_WORD_BYTES * row_pairs(signature) * strip_columns(op, signature)


def has_opposites(op: Op, signature: Signature) -> bool:
    """No weight is -128, whose opposite is no int8."""
    weights = signature.constants[1]
    return weights is not None and bool((weights > -128).all())


def is_linear(op: Op, signature: Signature) -> bool:
    """A resize that blends neighbors."""
    assert isinstance(op, Resize)
    return op.linear


def has_plain_integers(op: Op, signature: Signature) -> bool:
    """The operand's integers stand for themselves."""
    return is_plain(signature.inputs[0])


def has_formats(op: Op, signature: Signature) -> bool:
    """The operand's integers stand for reals."""
    return not is_plain(signature.inputs[0])


def reduces(*kinds: Kind) -> Callable[[Op, Signature], bool]:
    """A reduction of one of the kinds, of values in a format."""

    def applies(op: Op, signature: Signature) -> bool:
        assert isinstance(op, Reduce)
        return op.kind in kinds and has_formats(op, signature)

    return applies


def sums_volumes(op: Op, signature: Signature) -> bool:
    """A pool over volumes whose sums fit 32 bits."""
    assert isinstance(op, SumPoolVolume)
    return op.kind != "lp"


def has_form(form: type) -> Callable[[Op, Signature], bool]:
    """A function of int16 in that form."""

    def applies(op: Op, signature: Signature) -> bool:
        assert isinstance(op, Unary)
        return isinstance(op.params(signature), form)

    return applies


def has_halves(op: Op, signature: Signature) -> bool:
    """int8 weights, sums of 32 bits, filters of four values or more."""
    assert isinstance(op, Conv2d | Dense)
    p, weights = op.params(signature), signature.inputs[1]
    deep = math.prod(weights.shape[1:]) >= 4 and not (
        isinstance(op, Conv2d) and op.is_depthwise(signature)
    )
    return deep and weights.dtype is DType.INT8 and max(-p.least, p.greatest) <= INT32_MAX


def is_short_depthwise(op: Op, signature: Signature) -> bool:
    """Depthwise, int8 weights, sums of 32 bits."""
    assert isinstance(op, Conv2d)
    p, weights = op.params(signature), signature.inputs[1]
    fits = weights.dtype is DType.INT8 and max(-p.least, p.greatest) <= INT32_MAX
    return fits and is_depthwise(op, signature)


def patch_of_halves(op: Op, signature: Signature) -> int:
    """A patch of one group in int16, rounded up to four values."""
    return 2 * round_up(patch_values(signature), 4)


def is_nearest(op: Op, signature: Signature) -> bool:
    """A resize that picks values."""
    assert isinstance(op, Resize)
    return not op.linear


def keeps_rows(op: Op, signature: Signature) -> bool:
    """A transposition within rows."""
    assert isinstance(op, Transpose)
    return op.keeps_rows and moves_four(op, signature)


def moves_four(op: Op, signature: Signature) -> bool:
    """A transposition that moves four dimensions at most."""
    assert isinstance(op, Transpose)
    return sum(size > 1 for size in signature.inputs[0].shape) <= LOOPS


def is_strided(op: Op, signature: Signature) -> bool:
    """The elements taken lie at even distances in four dimensions at most, and none is filled."""
    return is_unfilled(op, signature) and strided_loops(index_of(op, signature)) is not None


def is_unfilled(op: Op, signature: Signature) -> bool:
    """Every element of the result is one of the operand's, and Transpose has no kernel for it."""
    if isinstance(op, Transpose):
        return not moves_four(op, signature)
    return not is_filled(op, signature)


def is_filled(op: Op, signature: Signature) -> bool:
    """Some elements of the result are the fill value."""
    return bool(np.any(index_of(op, signature) == FILL))


def is_one_group(op: Op, signature: Signature) -> bool:
    """One group, columns side by side, padding less than the window."""
    assert isinstance(op, Conv2d)
    kernel_width = signature.inputs[1].shape[2]
    padding = max(op.pads[1], op.pads[3])
    return op.group == 1 and op.dilations[1] == 1 and padding < kernel_width


def has_deep_filters(op: Op, signature: Signature) -> bool:
    """One group, or groups of four channels or more: fewer take longer to widen than they save."""
    assert isinstance(op, Conv2d)
    return op.group == 1 or signature.inputs[1].shape[3] >= 4


def fits_lanes(signature: Signature) -> bool:
    """Two products of an int8 and a weight fit 16 bits: not those of -128 and -128."""
    weights = signature.constants[1]
    return weights is not None and int(weights.min()) > -128


def is_pointwise_in_lanes(op: Op, signature: Signature) -> bool:
    """A 1x1 convolution of one group without padding, no weight -128."""
    return is_pointwise(op, signature) and fits_lanes(signature)


def has_deep_filters_in_lanes(op: Op, signature: Signature) -> bool:
    """One group, or groups of four channels or more; no weight -128."""
    return has_deep_filters(op, signature) and fits_lanes(signature)


def has_wide_weights(op: Op, signature: Signature) -> bool:
    """A convolution or dense layer whose weights do not fit int8."""
    return isinstance(op, Conv2d | Dense) and signature.inputs[1].dtype is DType.INT16


def patch_values(signature: Signature) -> int:
    """How many values of one group a window holds."""
    _, kh, kw, depth = signature.inputs[1].shape
    return kh * kw * depth


def two_patches(op: Op, signature: Signature) -> int:
    """Two patches of one group in int8."""
    return 2 * patch_values(signature)


def one_patch(op: Op, signature: Signature) -> int:
    """A patch of one group in int8."""
    return patch_values(signature)


def one_patch_by_words(op: Op, signature: Signature) -> int:
    """A patch of one group in int8, rounded up to four values."""
    return round_up(patch_values(signature), 4)


def paired_patch(op: Op, signature: Signature) -> int:
    """A word for each value of two patches, their number made even; a tap outside the image."""
    return 4 * round_up(patch_values(signature), 2) + signature.inputs[1].shape[3]


def paired_pixels(op: Op, signature: Signature) -> int:
    """A word for each channel of two pixels, their number made even."""
    return 4 * round_up(signature.inputs[0].channels, 2)


def has_edges(op: Conv2d, signature: Signature) -> bool:
    """Some windows reach beyond the image."""
    (window,) = op.windows(signature)
    rows = window.overhangs(signature.inputs[0].rows, signature.output.rows)
    return rows or op.pads[1] > 0 or op.pads[3] > 0


def edge_patch(op: Op, signature: Signature) -> int:
    """The window of an output column at the border, as rows of the image would hold it."""
    assert isinstance(op, Conv2d)
    _, kh, kw, _ = signature.inputs[1].shape
    if not has_edges(op, signature):
        return 0
    return kh * ((kw - 1) * op.dilations[1] + 1) * signature.inputs[0].pixel_bytes


def edge_tap(op: Op, signature: Signature) -> int:
    """The channels of a tap outside the image."""
    assert isinstance(op, Conv2d)
    return signature.inputs[0].channels if has_edges(op, signature) else 0


def is_global(op: Op, signature: Signature) -> bool:
    """One window over more than one row, without padding, as wide as the image."""
    assert isinstance(op, AveragePool)
    size = signature.inputs[0].shape[:2]
    return size == op.kernel_shape and not any(op.pads) and size[0] > 1


def sums_rows_in_halfwords(op: Op, signature: Signature) -> bool:
    """The same, with sums of a row that fit 16 bits."""
    return is_global(op, signature) and signature.inputs[0].width <= 256


def sums_windows_in_halfwords(op: Op, signature: Signature) -> bool:
    """Sums of a window that fit 16 bits, four channels or more."""
    assert isinstance(op, AveragePool)
    return math.prod(op.kernel_shape) <= 256 and signature.inputs[0].channels >= 4


def one_sum(op: Op, signature: Signature) -> int:
    """An int32 for each channel."""
    return 4 * signature.inputs[0].channels


def resets_after(op: Op, signature: Signature) -> bool:
    """The reset gate multiplies what weights make of the hidden state."""
    assert isinstance(op, Gru)
    return op.reset_after


def resets_first(op: Op, signature: Signature) -> bool:
    """The reset gate multiplies the hidden state."""
    return not resets_after(op, signature)


def recurrent_scratch(op: Op, signature: Signature) -> int:
    """What a recurrent layer remembers from step to step."""
    assert isinstance(op, Recurrent)
    return op.state_bytes(signature)


def sums_fit_blocks(op: Op, signature: Signature) -> bool:
    """One group, columns side by side, sums of 24 bits, weights of -127 or more."""
    assert isinstance(op, Conv2d)
    return is_one_group(op, signature) and sums_are_short(op.params(signature))


def has_short_sums(p: LinearParams) -> bool:
    """Sums of 24 bits."""
    return max(-p.least, p.greatest) < SHORT


def sums_are_short(p: LinearParams) -> bool:
    """The same, shifted by less, weights of -127 or more."""
    return has_short_sums(p) and p.rescale.shift <= 8 and bool(p.weights.min() > -128)


def has_vectors(op: Op, signature: Signature) -> bool:
    """The same, of four inputs or more."""
    assert isinstance(op, Dense)
    return signature.inputs[0].elements >= 4 and sums_are_short(op.params(signature))


def has_patch_vectors(op: Op, signature: Signature) -> bool:
    """Short sums of four values or more, any group but those of one channel."""
    assert isinstance(op, Conv2d)
    deep = patch_values(signature) >= 4 and not op.is_depthwise(signature)
    return deep and sums_are_short(op.params(signature))


def has_pixel_vectors(op: Op, signature: Signature) -> bool:
    """The same of 1x1 windows without padding, in one group."""
    return is_pointwise(op, signature) and has_patch_vectors(op, signature)


def has_blocks_of_runs(op: Op, signature: Signature) -> bool:
    """The same; the rows of windows fill words better than their pixels do, or have many pixels."""
    taps, channels = signature.inputs[1].shape[2:]
    by_run, by_pixel = -(-taps * channels // 4), taps * -(-channels // 4)
    worth = channels < 4 or taps > 5 or 7 * by_run < 6 * by_pixel
    least = min(taps, signature.inputs[0].width) * channels
    return taps > 1 and least >= 4 and worth and sums_fit_blocks(op, signature)


def has_blocks(op: Op, signature: Signature) -> bool:
    """The same, with pixels of a word at least, and at most five in a row of a window."""
    taps, channels = signature.inputs[1].shape[2:]
    return channels >= 4 and taps <= 5 and sums_fit_blocks(op, signature)


def block_of_runs(op: Op, signature: Signature) -> int:
    """The rows of four windows, each value in two bytes."""
    _, rows, taps, channels = signature.inputs[1].shape
    return 2 * rows * round_up(taps * channels, 4) * min(4, signature.output.width)


def block_of_pixels(op: Op, signature: Signature) -> int:
    """The pixels of four windows, each value in two bytes."""
    return block_bytes(op, signature, 4)


def bytes_of_pixels(op: Op, signature: Signature) -> int:
    """The pixels of two windows, or of three."""
    return block_bytes(op, signature, byte_pixels(signature.output.width)) // 2


def byte_pixels(width: int) -> int:
    """Return how many pixels a block of bytes has at most: two, which take less, in short rows."""
    return 2 if width in (2, 4, 8) else 3


def block_bytes(op: Op, signature: Signature, most: int) -> int:
    """Return what a block of at most so many windows takes, each value in two bytes."""
    assert isinstance(op, Conv2d)
    _, rows, taps, channels = signature.inputs[1].shape
    stride = op.strides[1] if taps > 1 else 1
    pixels = stride * (min(most, signature.output.width) - 1) + taps
    return 2 * rows * round_up(channels, 4) * pixels


def elementwise(*, is_product: bool, at_row: bool) -> Callable[[Op, Signature], bool]:
    """Return the condition of an Elementwise that multiplies and rescales, or does not, and whose
    constants differ from row to row, or do not.
    """

    def applies(op: Op, signature: Signature) -> bool:
        assert isinstance(op, Elementwise)
        multiplies = not op.exact and op.kind in ("mul", "prelu")
        return multiplies == is_product and differs_by_row(signature) == at_row

    return applies


def in_float(*ops: type[Op], kinds: Sequence[str] = ()) -> Callable[[Op, Signature], bool]:
    """Return the condition of what computes one of `ops` in floats, of some kinds alone."""

    def applies(op: Op, signature: Signature) -> bool:
        assert isinstance(op, InFloat)
        return isinstance(op.op, ops) and (not kinds or getattr(op.op, "kind", "") in kinds)

    return applies


def element_in_float(*kinds: str, at_row: bool) -> Callable[[Op, Signature], bool]:
    """Return the condition of a function of elements, of some kinds, in floats."""
    applies = in_float(Add, Elementwise)

    def applies_at(op: Op, signature: Signature) -> bool:
        assert isinstance(op, InFloat)
        kind = getattr(op.op, "kind", "add")
        return applies(op, signature) and kind in kinds and differs_by_row(signature) == at_row

    return applies_at
