"""Build small ONNX models from text, and compare their graphs with onnxruntime."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import onnx
import onnxruntime
from onnx import helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from codegen.frontend import import_model
from codegen.ir.evaluate import evaluate
from codegen.ir.graph import Graph
from codegen.ir.types import Array
from codegen.passes import canonicalize


def make_model(
    body: str,
    constants: Mapping[str, Array] | None = None,
    shapes: Mapping[str, Sequence[int]] | None = None,
    outputs: Sequence[str] = ("y",),
    opset: int = 13,
    batch: str = "N",
) -> onnx.ModelProto:
    """Return a checked model: inputs of `shapes` (batch aside), and the nodes of `body`."""
    shapes = shapes or {"x": (3, 8, 8)}
    inputs = ", ".join(
        f"float[{','.join([batch, *map(str, shape)])}] {name}" for name, shape in shapes.items()
    )
    results = ", ".join(f"float[] {name}" for name in outputs)
    model = onnx.parser.parse_model(
        f'<ir_version: 8, opset_import: ["" : {opset}]> net ({inputs}) => ({results}) {{ {body} }}'
    )
    for name, data in (constants or {}).items():
        model.graph.initializer.append(numpy_helper.from_array(np.asarray(data), name))
    for value in model.graph.output:
        value.type.tensor_type.ClearField("shape")
    inferred = onnx.shape_inference.infer_shapes(model)
    for value in inferred.graph.output:
        value.type.tensor_type.shape.SetInParent()
    return inferred


def run_onnx(
    model: onnx.ModelProto, feeds: Mapping[str, Array], tensors: Sequence[str] = ()
) -> dict[str, Array]:
    """Return the outputs, and the named tensors, as onnxruntime computes them, sample by sample."""
    exposed = onnx.ModelProto()
    exposed.CopyFrom(model)
    known = {value.name for value in exposed.graph.output}
    exposed.graph.output.extend(
        onnx.ValueInfoProto(name=name) for name in tensors if name not in {*known, *feeds}
    )
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(exposed.SerializeToString(), options)
    names = [value.name for value in session.get_outputs()]
    count = len(next(iter(feeds.values())))
    rows = [
        session.run(names, {name: data[i : i + 1] for name, data in feeds.items()})
        for i in range(count)
    ]
    found = {name: np.concatenate(parts) for name, *parts in zip(names, *rows, strict=True)}
    return {**found, **feeds}


def evaluated(node: str, arrays: dict[str, Array], held: tuple[str, ...] = ()) -> Array:
    """The result of `y = node` by the graph; compared with the reference of ONNX."""
    model = onnx.parser.parse_model(
        f'<ir_version: 10, opset_import: ["" : 18]> net () => (float y) {{ y = {node} }}'
    )
    model.graph.input.extend(
        helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(a.dtype), a.shape)
        for name, a in arrays.items()
        if name not in held
    )
    for name in held:
        model.graph.initializer.append(numpy_helper.from_array(arrays[name], name))
    feeds = {name: a for name, a in arrays.items() if name not in held}
    expected = ReferenceEvaluator(model).run(None, feeds)[0]
    model.graph.output[0].type.Clear()
    model = onnx.shape_inference.infer_shapes(model)
    graph = canonicalize(import_model(model, "net.onnx"))
    given = [
        graph.origins[name].one(feeds[graph.origins[name].tensor], graph.types[name].shape)
        for name in graph.inputs
    ]
    found = evaluate(graph, given)["y"]
    if expected.dtype.kind != "f":
        assert found.dtype == expected.dtype
    np.testing.assert_allclose(
        found, graph.origins["y"].one(expected, graph.types["y"].shape), rtol=1e-5, atol=1e-6
    )
    return found


def random_inputs(model: onnx.ModelProto, count: int = 2, seed: int = 0) -> dict[str, Array]:
    """Return `count` random samples for each input."""
    rng = np.random.default_rng(seed)
    stored = {tensor.name for tensor in model.graph.initializer}
    feeds: dict[str, Array] = {}
    for value in model.graph.input:
        if value.name in stored:
            continue
        kind = value.type.tensor_type
        shape = (count, *(dim.dim_value for dim in kind.shape.dim[1:]))
        if kind.elem_type == onnx.TensorProto.INT8:
            feeds[value.name] = rng.integers(-128, 128, shape).astype(np.int8)
        else:
            feeds[value.name] = rng.standard_normal(shape).astype(np.float32)
    return feeds


def assert_same(model: onnx.ModelProto, tolerance: float = 1e-4, seed: int = 0) -> Graph:
    """Compare every value that shows an ONNX tensor, before and after the passes.

    Returns the canonical graph. The tolerance is relative to the tensor's greatest magnitude.
    """
    feeds = random_inputs(model, seed=seed)
    imported = import_model(model, "test.onnx")
    for graph in (imported, canonicalize(imported)):
        tensors = tuple(origin.tensor for origin in graph.origins.values())
        expected = run_onnx(model, feeds, tensors)
        for name, value in graph_values(graph, feeds).items():
            if name not in graph.origins:
                continue
            origin = graph.origins[name]
            wanted = origin.apply(expected[origin.tensor], graph.types[name].shape)
            assert value.shape == wanted.shape
            finite = np.abs(wanted[np.isfinite(wanted)])
            bound = tolerance * max(1.0, float(finite.max(initial=0.0)))
            np.testing.assert_allclose(value, wanted, rtol=0, atol=bound, err_msg=name)
        assert [graph.origins[name].tensor for name in graph.outputs] == [
            value.name for value in model.graph.output
        ]
    return graph


def graph_values(graph: Graph, feeds: Mapping[str, Array]) -> dict[str, Array]:
    """Return all values of a graph, its inputs taken from ONNX feeds."""
    inputs = [
        graph.origins[name].apply(feeds[graph.origins[name].tensor], graph.types[name].shape)
        for name in graph.inputs
    ]
    return evaluate(graph, inputs, keep=[node.output for node in graph.nodes])


def op_names(graph: Graph) -> list[str]:
    """Return the operators of a graph in order."""
    return [node.op.name for node in graph.nodes]
