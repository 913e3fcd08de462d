"""Each TFLite operator: what ONNX makes of its translation is what it means."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest

pytest.importorskip("tflite", reason="tflite is absent: pip install codegen-mcu[tflite]")

from codegen.errors import UnsupportedOperator
from codegen.frontend import import_model
from codegen.frontend.tflite import load_tflite
from codegen.ir.evaluate import evaluate
from codegen.ir.types import Array
from codegen.passes import canonicalize
from codegen.quantize import quantize
from tests.frontend.compare import run_onnx
from tests.frontend.tflite.build import build
from tests.frontend.tflite.cases import CASES, IN, Case

BY_NAME = {case.name: case for case in CASES}


def random_bytes(case: Case, count: int = 3) -> dict[str, Array]:
    rng = np.random.default_rng(1)
    shapes = {tensor.name: tensor.shape for tensor in case.graph.tensors}
    return {
        name: rng.integers(-128, 128, (count, *shapes[name][1:])).astype(np.int8)
        for name in case.graph.inputs
    }


@pytest.mark.parametrize("name", BY_NAME)
def test_the_onnx_model_means_the_same(name: str) -> None:
    """At most one step from the float meaning, rounded and saturated."""
    case = BY_NAME[name]
    feeds = random_bytes(case)
    found = run_onnx(load_tflite(build(case.graph), "net.tflite"), feeds)
    formats = {tensor.name: (tensor.scale, tensor.zero) for tensor in case.graph.tensors}
    for i in range(3):
        real = [(x[i : i + 1].astype(np.float64) - IN[1]) * IN[0] for x in feeds.values()]
        meant = case.meaning(*real)
        parts = meant if isinstance(meant, tuple) else (meant,)
        for output, part in zip(case.graph.outputs, parts, strict=True):
            scale, zero = formats[output]
            expected = np.clip(np.round(part / scale) + zero, -128, 127)
            assert found[output][i : i + 1].shape == expected.shape
            assert found[output].dtype == np.int8
            assert np.abs(found[output][i : i + 1] - expected).max() <= 1


@pytest.mark.parametrize("name", BY_NAME)
def test_the_fixed_point_network_says_the_same(name: str) -> None:
    """At most one step from onnxruntime, where there is a kernel."""
    case = BY_NAME[name]
    model, feeds = load_tflite(build(case.graph), "net.tflite"), random_bytes(case)
    try:
        graph = quantize(canonicalize(import_model(model, "net.tflite")))
    except UnsupportedOperator as error:
        pytest.skip(f"no kernel: {error.problems[0].message}")
    origins = [graph.origins[name] for name in graph.inputs]
    shapes = [graph.types[name].shape for name in graph.inputs]
    batch = [o.apply(feeds[o.tensor], shape) for o, shape in zip(origins, shapes, strict=True)]
    found, expected = evaluate(graph, batch), run_onnx(model, feeds)
    for output in case.graph.outputs:
        steps = found[output].reshape(expected[output].shape).astype(int) - expected[output]
        assert np.abs(steps).max() <= 1


@pytest.mark.skipif(
    importlib.util.find_spec("ai_edge_litert") is None, reason="ai_edge_litert is absent"
)
@pytest.mark.parametrize("name", BY_NAME)
def test_the_tflite_interpreter_says_the_same(name: str) -> None:
    """The cases themselves are right: the interpreter takes the file and agrees."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    case = BY_NAME[name]
    data, feeds = build(case.graph), random_bytes(case)
    found = run_onnx(load_tflite(data, "net.tflite"), feeds)
    kernels = OpResolverType.BUILTIN_REF
    if name == "SUM":  # whose reference kernel wraps around
        kernels = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    runner = Interpreter(model_content=data, experimental_op_resolver_type=kernels)
    runner.allocate_tensors()
    for i in range(3):
        for port, x in zip(runner.get_input_details(), feeds.values(), strict=True):
            runner.set_tensor(port["index"], x[i : i + 1])
        runner.invoke()
        for port, name in zip(runner.get_output_details(), case.graph.outputs, strict=True):
            expected = runner.get_tensor(port["index"]).astype(int)
            assert np.abs(found[name][i : i + 1] - expected).max() <= 1
