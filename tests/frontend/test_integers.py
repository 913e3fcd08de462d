"""Integers of an ONNX file: fed to onnxruntime as they are, moved without change."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import onnx

from codegen.frontend import import_model
from codegen.ir.evaluate import evaluate
from codegen.ir.graph import Graph
from codegen.ir.types import DType, Quant
from codegen.passes import canonicalize
from codegen.quantize import calibrate, graph_inputs, quantize, synthetic_samples
from codegen.verify import measure_agreement

MODEL = """
<ir_version: 8, opset_import: ["" : 13]>
net (int32[1,3,4] x, uint8[1,6] u, bool[2,3] b, float[1,8] f, int64[1,3,2,2] k)
    => (int32[1,2,6,2] y, uint8[1,6] v, bool[2,3] c, float[1,8] g, int64[1,2,2,1] l)
<int64[1] start = {1}, int64[1] end = {3}, int64[1] axis = {1}, int64[4] shape = {1,2,6,1},
 int64[1] channel = {2}, int64[1] last = {3}>
{
    both = Concat <axis = 1> (x, x)
    turned = Transpose <perm = [0,2,1]> (both)
    part = Slice (turned, start, end, axis)
    image = Reshape (part, shape)
    y = Concat <axis = 3> (image, image)
    v = Identity (u)
    c = Identity (b)
    g = Relu (f)
    moved = Transpose <perm = [0,2,3,1]> (k)
    l = Slice (moved, channel, last, last)
}
"""
TYPES = [DType.INT32, DType.UINT8, DType.BOOL, DType.INT8, DType.INT64]


def fixed(model: onnx.ModelProto) -> Graph:
    graph = canonicalize(import_model(model, "net.onnx"))
    return quantize(graph, calibrate(model, graph, synthetic_samples(graph, 4)))


def test_integers_keep_type_and_value() -> None:
    graph = fixed(onnx.parser.parse_model(MODEL))
    for names in (graph.inputs, graph.outputs):
        assert [graph.types[name].dtype for name in names] == TYPES
        plain = [graph.types[name].quant for name in (*names[:3], names[4])]
        assert plain == [Quant((1.0,))] * 4
    inputs = graph_inputs(graph, synthetic_samples(graph, 3))
    found = evaluate(graph, inputs)
    assert all(found[name].dtype == graph.types[name].dtype.numpy for name in graph.outputs)


def test_they_are_those_of_onnxruntime() -> None:
    model = onnx.parser.parse_model(MODEL)
    graph = fixed(model)
    rng = np.random.default_rng(0)
    samples = synthetic_samples(graph, 3)
    drawn = tuple(
        a if a.dtype.kind == "f" else rng.integers(0, 2, a.shape).astype(a.dtype)
        for a in samples.arrays
    )
    agreement = measure_agreement(model, graph, replace(samples, arrays=drawn), 3)
    assert agreement.greatest_difference_steps <= 1
    only = graph.with_nodes(graph.nodes, outputs=(*graph.outputs[:3], graph.outputs[4]))
    exact = measure_agreement(model, only, replace(samples, arrays=drawn), 3)
    assert exact.greatest_difference_steps == 0
