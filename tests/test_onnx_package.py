"""The networks that ship in the onnx package: all are read, two are emitted."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import onnx
import pytest

from codegen.frontend import import_model, load_onnx
from codegen.options import Options
from codegen.passes import canonicalize
from codegen.pipeline import compile_model
from tests.frontend.compare import assert_same
from tests.ops.harness import GENERIC, assert_c_equals_reference

LIGHT = Path(onnx.__file__).parent / "backend" / "test" / "data" / "light"
NAMES = (
    "bvlc_alexnet",
    "densenet121",
    "inception_v1",
    "inception_v2",
    "resnet50",
    "shufflenet",
    "squeezenet",
    "vgg19",
    "zfnet512",
)


def light(name: str) -> Path:
    path = LIGHT / f"light_{name}.onnx"
    if not path.exists():
        pytest.skip("this onnx package ships no light networks")
    return path


def count_macs(model: onnx.ModelProto) -> int:
    """Return the products of a network by the shapes that ONNX infers.

    Each output of a Conv or Gemm takes as many as it has weights. A BatchNormalization that is part
    of no Conv, as in DenseNet, takes one a value. Nothing else multiplies values by weights.
    """
    graph = onnx.shape_inference.infer_shapes(model).graph
    shapes = {tensor.name: tuple(tensor.dims) for tensor in graph.initializer}
    for value in (*graph.input, *graph.output, *graph.value_info):
        shapes[value.name] = tuple(dim.dim_value for dim in value.type.tensor_type.shape.dim)
    makers = {name: node.op_type for node in graph.node for name in node.output}
    total = 0
    for node in graph.node:
        size = math.prod(shapes[node.output[0]])
        if node.op_type == "Conv":
            total += size * math.prod(shapes[node.input[1]][1:])
        elif node.op_type == "Gemm":
            total += size * shapes[node.input[0]][-1]
        elif node.op_type == "BatchNormalization" and makers[node.input[0]] != "Conv":
            total += size
    return total


@pytest.mark.parametrize("name", NAMES)
def test_all_are_read(name: str) -> None:
    """Their operator set 9 is converted; weights that nodes make are folded."""
    graph = canonicalize(import_model(load_onnx(light(name)), name))
    assert graph.macs == count_macs(onnx.load(light(name)))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["squeezenet", "shufflenet"])
def test_floats_are_those_of_onnxruntime(name: str) -> None:
    assert_same(load_onnx(light(name)))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["squeezenet", "shufflenet"])
def test_c_equals_reference(name: str) -> None:
    graph = compile_model(Options(str(light(name)), "cortex-m7", samples=1)).network.graph
    assert_c_equals_reference(graph, GENERIC, np.random.default_rng(0))
