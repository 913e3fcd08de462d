"""A zoo network in fixed point: no layer is dead or saturated, and outputs follow the input."""

from __future__ import annotations

import numpy as np
import pytest

from codegen.frontend import import_model
from codegen.ir.evaluate import evaluate
from codegen.ops import Conv2d
from codegen.passes import canonicalize
from codegen.quantize import calibrate, graph_inputs, quantize, synthetic_samples
from codegen.quantize.probe import open_probe
from codegen.zoo import build


@pytest.mark.parametrize(("alpha", "resolution"), [(0.25, 96), (0.25, 224), (0.5, 64)])
def test_int8_outputs_follow_the_input(alpha: float, resolution: int) -> None:
    model = build("mobilenet_v1", {"alpha": alpha, "resolution": resolution})
    graph = canonicalize(import_model(model, "mobilenet_v1.onnx"))
    fixed = quantize(graph, calibrate(model, graph, synthetic_samples(graph, 8)))
    fresh = synthetic_samples(graph, 16, seed=1)
    layers = [node.output for node in fixed.nodes if isinstance(node.op, Conv2d)]
    found = evaluate(fixed, graph_inputs(fixed, fresh), layers)
    for name in layers:
        q = found[name]
        assert (q == -128).mean() < 0.5, f"{name} is dead"
        assert (q == 127).mean() < 0.1, f"{name} is saturated"
        channels = q.reshape(-1, q.shape[-1])
        assert (np.ptp(channels, axis=0) == 0).mean() < 0.05, f"{name} has constant channels"
        assert q.std(axis=0).mean() > 5, f"{name} does not depend on the input"
    (output,) = fixed.outputs
    assert len({scores.tobytes() for scores in found[output]}) == 16
    assert len(set(found[output].argmax(axis=1).tolist())) >= 6
    tensor = graph.origins[output].tensor
    probe = open_probe(model, [tensor])
    expected = [probe.run(fresh.one(index), [None])[tensor][0] for index in range(fresh.count)]
    winners = np.argmax(expected, axis=1)
    assert (found[output].argmax(axis=1) == winners).mean() >= 0.5
