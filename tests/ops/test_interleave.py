"""Interleaved groups are a grouped convolution and a channel shuffle."""

from __future__ import annotations

import numpy as np

from codegen.ir.evaluate import evaluate
from codegen.ops import Conv2d
from tests.ops.harness import int8, linear_constants, op_graph, samples


def test_channel_f_times_group_plus_g_is_filter_f_of_group_g() -> None:
    rng = np.random.default_rng(0)
    weights = linear_constants(rng, (12, 1, 1, 2), 0.05)
    graphs = [
        op_graph(Conv2d(group=3, interleave=interleave), [int8((4, 5, 6))], (0.3, 0), weights)
        for interleave in (False, True)
    ]
    x = samples(graphs[0], rng)
    plain, interleaved = (evaluate(graph, x)["y"] for graph in graphs)
    for group in range(3):
        for f in range(4):
            wanted = plain[..., 4 * group + f]
            np.testing.assert_array_equal(interleaved[..., 3 * f + group], wanted)
