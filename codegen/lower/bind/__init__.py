"""Bind a node to its kernel: the numbers its template needs and the constants it reads."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

from codegen.ir.op import Op, Signature, has_int16
from codegen.lower.bind.arm_dsp import ARM_DSP
from codegen.lower.bind.arm_mve import ARM_MVE
from codegen.lower.bind.binding import Binding, Data
from codegen.lower.bind.broadcast import bind_cast, bind_elementwise
from codegen.lower.bind.elementwise import (
    bind_add,
    bind_flip_sign,
    bind_function16,
    bind_lrn,
    bind_scale16,
    bind_softmax,
    bind_table,
)
from codegen.lower.bind.groups import (
    bind_cum_sum,
    bind_hardmax,
    bind_log_softmax,
    bind_reduce,
    bind_reduce_plain,
    bind_reduce_power,
    bind_select,
)
from codegen.lower.bind.hls import HLS
from codegen.lower.bind.host import HOST
from codegen.lower.bind.in_float import bind_float
from codegen.lower.bind.lanes import LANES
from codegen.lower.bind.layout import (
    bind_concat,
    bind_copy,
    bind_deliver,
    bind_depth_to_space,
    bind_pad,
    bind_resize,
    bind_slice,
    bind_transpose,
)
from codegen.lower.bind.linear import (
    DENSE_4X1,
    FOURS_4X1,
    PAIRS_2X2,
    bind_conv2d,
    bind_conv2d_wide,
    bind_dense,
    bind_dense_wide,
    bind_depthwise,
    bind_matmul,
    bind_matmul_integer,
    bind_pointwise,
)
from codegen.lower.bind.normalize import bind_inverse_deviation, bind_normalize
from codegen.lower.bind.pool import (
    bind_average_pool,
    bind_global_average_pool,
    bind_max_places,
    bind_max_pool,
    bind_unpool,
)
from codegen.lower.bind.pool_volume import bind_max_pool_volume, bind_sum_pool_volume
from codegen.lower.bind.recurrent import bind_gru, bind_lstm, bind_rnn
from codegen.lower.bind.take import (
    bind_blend,
    bind_constant,
    bind_lookup,
    bind_strided,
    bind_take,
    bind_take_or_fill,
)

__all__ = ["Binding", "Data", "bind"]


def bind(kernel: str, op: Op, signature: Signature) -> Binding:
    """Return the binding of `op` for the kernel of that name (FAMILY/NAME)."""
    found = BINDERS[kernel.removesuffix("_int16")](op, signature)
    is_wide = has_int16(signature)
    widths = {
        "int16": is_wide,
        "in_wide": any(kind.is_int16 for kind in signature.inputs[:1]),
        "out_wide": signature.output.is_int16,
        "suffix": "16" if is_wide else "",
    }
    params = {**found.params, **widths}
    return replace(found, stem=found.stem + "_int16" * is_wide, params=params)


BINDERS: Mapping[str, Callable[..., Binding]] = {
    "generic/conv2d": partial(bind_conv2d, PAIRS_2X2),
    "generic/conv2d_by_tap": partial(bind_conv2d, PAIRS_2X2),
    "generic/conv2d_single": partial(bind_conv2d, FOURS_4X1),
    "generic/pointwise": partial(bind_pointwise, PAIRS_2X2),
    "generic/depthwise": bind_depthwise,
    "generic/dense": partial(bind_dense, DENSE_4X1),
    "generic/matmul": bind_matmul,
    "generic/matmul_integer": bind_matmul_integer,
    "generic/conv2d_wide": bind_conv2d_wide,
    "generic/dense_wide": bind_dense_wide,
    "generic/add": bind_add,
    "generic/add_spread": bind_add,
    "generic/max_pool": bind_max_pool,
    "generic/max_places": bind_max_places,
    "generic/unpool": bind_unpool,
    "generic/average_pool": bind_average_pool,
    "generic/global_average_pool": bind_global_average_pool,
    "generic/copy": bind_copy,
    "generic/deliver": bind_deliver,
    "generic/table": bind_table,
    "generic/flip_sign": bind_flip_sign,
    "generic/scale16": bind_scale16,
    "generic/curve16": bind_function16,
    "generic/octaves16": bind_function16,
    "generic/steps16": bind_function16,
    "generic/elementwise": bind_elementwise,
    "generic/elementwise_at_row": bind_elementwise,
    "generic/product": bind_elementwise,
    "generic/product_at_row": bind_elementwise,
    "generic/cast": bind_cast,
    "generic/softmax": bind_softmax,
    "generic/lrn": bind_lrn,
    "generic/lstm": bind_lstm,
    "generic/gru": bind_gru,
    "generic/gru_reset_first": bind_gru,
    "generic/rnn": bind_rnn,
    "generic/concat": bind_concat,
    "generic/pad": bind_pad,
    "generic/resize_linear": bind_resize,
    "generic/resize_nearest": bind_resize,
    "generic/slice": bind_slice,
    "generic/depth_to_space": bind_depth_to_space,
    "generic/transpose": bind_transpose,
    "generic/take": bind_take,
    "generic/take_or_fill": bind_take_or_fill,
    "generic/take_strided": bind_strided,
    "generic/constant": bind_constant,
    "generic/lookup": bind_lookup,
    "generic/blend": bind_blend,
    "generic/reduce": bind_reduce,
    "generic/reduce_root": bind_reduce,
    "generic/reduce_log": bind_reduce,
    "generic/reduce_exp": bind_reduce,
    "generic/reduce_product": bind_reduce,
    "generic/reduce_plain": bind_reduce_plain,
    "generic/reduce_power": bind_reduce_power,
    "generic/select": bind_select,
    "generic/normalize": bind_normalize,
    "generic/inverse_deviation": bind_inverse_deviation,
    "generic/max_pool_volume": bind_max_pool_volume,
    "generic/sum_pool_volume": bind_sum_pool_volume,
    "generic/power_pool_volume": bind_sum_pool_volume,
    "generic/hardmax": bind_hardmax,
    "generic/log_softmax": bind_log_softmax,
    "generic/cum_sum": bind_cum_sum,
    "generic/cum_sum_plain": bind_cum_sum,
    "generic/elementwise_in_float": bind_float,
    "generic/elementwise_at_row_in_float": bind_float,
    "generic/power_in_float": bind_float,
    "generic/power_at_row_in_float": bind_float,
    "generic/modulo_in_float": bind_float,
    "generic/modulo_at_row_in_float": bind_float,
    "generic/reduce_in_float": bind_float,
    "generic/reduce_root_in_float": bind_float,
    "generic/reduce_log_in_float": bind_float,
    "generic/deviation_in_float": bind_float,
    "generic/normalize_in_float": bind_float,
    "generic/grid_sample_in_float": bind_float,
    "generic/matmul_in_float": bind_float,
    **ARM_DSP,
    **HOST,
    **HLS,
    **ARM_MVE,
    **LANES,
}
