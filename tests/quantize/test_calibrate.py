"""calibrate: the ranges are those of onnxruntime's tensors, or of what follows from them."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from codegen.errors import BadCalibrationData, InvalidModel
from codegen.ir.graph import Graph, Node
from codegen.ir.types import Array, Origin, Quant, TensorType
from codegen.ops import Add, Dense, Reshape, Softmax
from codegen.quantize import Samples, calibrate

WEIGHTS = np.array([[1.0, -2.0, 0.5], [0.0, 3.0, -1.0]], np.float32)
BIAS = np.array([0.25, -0.5], np.float32)
X = np.array([[1, 2, 3], [-4, 0, 4], [0.5, 0.5, -9]], np.float32)


def make_model(op_type: str = "Identity") -> onnx.ModelProto:
    """Gemm from "x" to "y", then an elementwise operator to "z"."""
    nodes = [
        helper.make_node("Gemm", ["x", "w", "b"], ["y"], transB=1),
        helper.make_node(op_type, ["y"], ["z"]),
    ]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 3])],
        [helper.make_tensor_value_info("z", TensorProto.FLOAT, ["N", 2])],
        [numpy_helper.from_array(WEIGHTS, "w"), numpy_helper.from_array(BIAS, "b")],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def make_graph(origins: dict[str, Origin]) -> Graph:
    """The Gemm as "dense", its sum with itself as "twice", moved and turned to probabilities."""
    nodes = (
        Node(Dense(), ("x", "w", "b"), "dense"),
        Node(Add(), ("dense", "dense"), "twice"),
        Node(Reshape((2, 1)), ("twice",), "moved"),
        Node(Softmax(), ("moved",), "s"),
    )
    constants = {"w": WEIGHTS, "b": BIAS}
    types = {name: TensorType(data.shape) for name, data in constants.items()}
    types["x"] = TensorType((3,))
    for node in nodes:
        types[node.output] = node.op.infer(*(types[name] for name in node.inputs))
    return Graph("g", ("x",), ("s",), nodes, types, constants, {"x": Origin("x")} | origins)


def samples(x: Array) -> Samples:
    return Samples((x,), "test.npz")


def test_ranges_are_the_extremes_of_the_tensors() -> None:
    found = calibrate(make_model(), make_graph({"dense": Origin("y")}), samples(X))
    y = X @ WEIGHTS.T + BIAS
    assert found.bounds["x"] == (-9, 4)
    np.testing.assert_allclose(found.bounds["dense"], (y.min(), y.max()))
    assert found.source == "test.npz" and not found.synthetic


@pytest.mark.parametrize("origins", [{}, {"dense": Origin("y")}], ids=["from x", "from y"])
def test_values_that_show_no_tensor_are_computed(origins: dict[str, Origin]) -> None:
    found = calibrate(make_model(), make_graph(origins), samples(X))
    y = X @ WEIGHTS.T + BIAS
    np.testing.assert_allclose(found.bounds["twice"], (2 * y.min(), 2 * y.max()), rtol=1e-6)


def test_moved_values_and_probabilities_need_no_range() -> None:
    found = calibrate(make_model(), make_graph({}), samples(X))
    assert set(found.bounds) == {"x", "dense", "twice"}


def test_prescribed_values_need_no_range() -> None:
    graph = make_graph({"dense": Origin("y")})
    types = {**graph.types, "x": TensorType((3,), quant=Quant((0.1,)))}
    graph = Graph("g", graph.inputs, graph.outputs, graph.nodes, types, graph.constants, {})
    assert set(calibrate(make_model(), graph, samples(X)).bounds) == {"dense", "twice"}


def test_the_evidence_holds_the_means_of_linear_layers() -> None:
    found = calibrate(make_model(), make_graph({"dense": Origin("y")}), samples(X)).evidence
    assert found is not None and set(found.means) == {"dense"}
    np.testing.assert_array_equal(found.inputs[0], X)
    np.testing.assert_allclose(found.means["dense"], (X @ WEIGHTS.T + BIAS).mean(axis=0), rtol=1e-6)


def test_the_evidence_is_of_few_samples_from_all_over() -> None:
    x = np.arange(900, dtype=np.float32).reshape(300, 3)
    found = calibrate(make_model(), make_graph({}), samples(x)).evidence
    assert found is not None
    np.testing.assert_array_equal(found.inputs[0], x[::5])
    np.testing.assert_allclose(found.means["dense"], (x[::5] @ WEIGHTS.T + BIAS).mean(axis=0))


def test_progress_counts_samples() -> None:
    seen: list[tuple[int, int]] = []
    calibrate(make_model(), make_graph({}), samples(X), lambda done, of: seen.append((done, of)))
    assert seen == [(1, 3), (2, 3), (3, 3)]


@pytest.mark.parametrize("bad", [3e38, -3e38])
def test_samples_that_overflow_are_refused(bad: float) -> None:
    x = X.copy()
    x[0, 1] = bad
    with pytest.raises(BadCalibrationData, match=r"NaN or infinity: dense[\s\S]*test\.npz"):
        calibrate(make_model(), make_graph({"dense": Origin("y")}), samples(x))


def test_a_model_that_onnxruntime_refuses_is_invalid() -> None:
    with pytest.raises(InvalidModel, match="onnxruntime refuses the model"):
        calibrate(make_model("NoSuchOperator"), make_graph({}), samples(X))
