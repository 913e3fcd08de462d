"""Weights of 4 bits in a file are stored in 4 bits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from codegen.ir.coding import Coding
from codegen.options import Options
from codegen.pipeline import compile_model

SHAPE = (24, 32)


def write_int4(path: Path, kind: int, zero: int) -> Path:
    """A dense layer whose weights are integers of 4 bits, with a scale for each output."""
    random = np.random.default_rng(0)
    stored = random.integers(zero - 8, zero + 8, SHAPE)
    nodes = [
        helper.make_node("DequantizeLinear", ["w", "s", "z"], ["wf"], axis=0),
        helper.make_node("Gemm", ["x", "wf"], ["y"], transB=1),
    ]
    held = [
        helper.make_tensor("w", kind, SHAPE, stored.ravel()),
        numpy_helper.from_array(random.uniform(0.01, 0.02, 24).astype(np.float32), "s"),
        helper.make_tensor("z", kind, (24,), np.full(24, zero)),
    ]
    ports = [
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, (1, size))]
        for name, size in (("x", 32), ("y", 24))
    ]
    graph = helper.make_graph(nodes, "net", *ports, held)
    opset = helper.make_opsetid("", 21)
    onnx.save(helper.make_model(graph, opset_imports=[opset], ir_version=10), path)
    return path


@pytest.mark.parametrize(("kind", "zero"), [(TensorProto.INT4, 0), (TensorProto.UINT4, 8)])
def test_weights_of_four_bits_stay_so(kind: int, zero: int, tmp_path: Path) -> None:
    path = write_int4(tmp_path / "net.onnx", kind, zero)
    compiled = compile_model(Options(str(path), "cortex-m4"))
    (step,) = (step for step in compiled.schedule.steps if step.node.op.name == "dense")
    weights = step.node.inputs[1]
    assert compiled.schedule.graph.types[weights].coding == Coding("bits", 4)
    assert compiled.schedule.graph.constants[weights].min() == -8
    assert step.kernel.decodes
    sizes = {constant.name: constant.size_bytes for constant in compiled.program.constants}
    assert next(size for name, size in sizes.items() if name.endswith("_codes")) == 24 * 32 // 2
