"""LSTM, GRU and RNN in every form that ONNX gives them, against onnxruntime."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from codegen.errors import UnsupportedOperator
from codegen.frontend import import_model
from codegen.ir.evaluate import evaluate
from codegen.ir.types import Array
from codegen.passes import canonicalize

GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}
STEPS, BATCH, INPUTS, UNITS = 4, 2, 3, 5


def layer(
    kind: str,
    results: tuple[str, ...] = ("Y", "Y_h"),
    fed: tuple[str, ...] = (),
    constants: Mapping[str, Array] | None = None,
    **attributes: object,
) -> onnx.ModelProto:
    """A model of one layer with random weights and biases; `fed` are inputs beside X."""
    rng = np.random.default_rng(0)
    both = 2 if attributes.get("direction") == "bidirectional" else 1
    rows = GATES[kind] * UNITS
    held = {
        "W": rng.normal(0, 0.5, (both, rows, INPUTS)).astype(np.float32),
        "R": rng.normal(0, 0.5, (both, rows, UNITS)).astype(np.float32),
        "B": rng.normal(0, 0.5, (both, 2 * rows)).astype(np.float32),
        **(constants or {}),
    }
    places = ("X", "W", "R", "B", "lengths", "initial_h", "initial_c", "P")
    last = max(i for i, name in enumerate(places) if name in {"X", *held, *fed})
    operands = [name if name in {"X", *held, *fed} else "" for name in places[: last + 1]]
    shape = (BATCH, STEPS, INPUTS) if attributes.get("layout") else (STEPS, BATCH, INPUTS)
    state = (BATCH, both, UNITS) if attributes.get("layout") else (both, BATCH, UNITS)
    names = ("Y", "Y_h", "Y_c")[: 3 if kind == "LSTM" else 2]
    made = [name if name in results else "" for name in names]
    node = helper.make_node(kind, operands, made, "layer", hidden_size=UNITS, **attributes)
    inputs = [helper.make_tensor_value_info("X", TensorProto.FLOAT, shape)]
    inputs += [helper.make_tensor_value_info(name, TensorProto.FLOAT, state) for name in fed]
    outputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in results]
    stored = [numpy_helper.from_array(data, name) for name, data in held.items()]
    graph = helper.make_graph([node], "net", inputs, outputs, stored)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)], ir_version=8)
    return onnx.shape_inference.infer_shapes(model)


def assert_as_onnx(model: onnx.ModelProto) -> list[str]:
    """The float graph computes what onnxruntime does; return its operators."""
    rng = np.random.default_rng(1)
    graph = canonicalize(import_model(model, "net.onnx"))
    feeds = {
        port.name: rng.normal(0, 1, [d.dim_value for d in port.type.tensor_type.shape.dim]).astype(
            np.float32
        )
        for port in model.graph.input
    }
    session = onnxruntime.InferenceSession(model.SerializeToString())
    names = [port.name for port in model.graph.output]
    expected = dict(zip(names, session.run(names, feeds), strict=True))
    inputs = [feeds[name].reshape(1, *graph.types[name].shape) for name in graph.inputs]
    found = evaluate(graph, inputs)
    for value, port in zip(graph.outputs, model.graph.output, strict=True):
        wanted = expected[port.name]
        np.testing.assert_allclose(found[value].reshape(wanted.shape), wanted, atol=2e-6)
    return [node.op.name for node in graph.nodes]


@pytest.mark.parametrize("direction", ["forward", "reverse", "bidirectional"])
@pytest.mark.parametrize("kind", GATES)
def test_directions(kind: str, direction: str) -> None:
    names = assert_as_onnx(layer(kind, direction=direction))
    assert names.count(kind.lower()) == (2 if direction == "bidirectional" else 1)


def test_cell_states() -> None:
    """A layer of its own gives them, beside that of the hidden states."""
    names = assert_as_onnx(layer("LSTM", ("Y_h", "Y_c"), direction="bidirectional"))
    assert names.count("lstm") == 4


def test_the_reset_gate_after_the_product() -> None:
    assert_as_onnx(layer("GRU", linear_before_reset=1))


@pytest.mark.parametrize("kind", GATES)
def test_initial_values_that_are_fed(kind: str) -> None:
    fed = ("initial_h", "initial_c") if kind == "LSTM" else ("initial_h",)
    assert_as_onnx(layer(kind, fed=fed, direction="bidirectional"))


def test_peepholes_and_constant_initial_values() -> None:
    rng = np.random.default_rng(2)
    states = rng.normal(0, 1, (2, 2, BATCH, UNITS)).astype(np.float32)
    held = {
        "initial_h": states[0],
        "initial_c": states[1],
        "P": rng.normal(0, 1, (2, 3 * UNITS)).astype(np.float32),
        "lengths": np.full(BATCH, STEPS, np.int32),
    }
    assert_as_onnx(layer("LSTM", constants=held, direction="bidirectional"))


@pytest.mark.parametrize("kind", GATES)
def test_limits_of_arguments(kind: str) -> None:
    assert_as_onnx(layer(kind, clip=0.3))


@pytest.mark.parametrize(
    ("kind", "attributes"),
    [
        ("RNN", {"activations": ["Relu"]}),
        ("RNN", {"activations": ["LeakyRelu"], "activation_alpha": [0.2]}),
        ("GRU", {"activations": ["HardSigmoid", "Softsign"]}),
        (
            "LSTM",
            {
                "activations": ["HardSigmoid", "Affine", "ScaledTanh"],
                "activation_alpha": [0.3, 0.5, 1.5],
                "activation_beta": [0.4, 0.1, 0.7],
            },
        ),
    ],
)
def test_named_activations(kind: str, attributes: dict[str, object]) -> None:
    assert_as_onnx(layer(kind, **attributes))


@pytest.mark.parametrize(
    ("attributes", "constants", "message"),
    [
        ({}, {"lengths": np.asarray((4, 2), np.int32)}, r"sequences of \[4, 2\] steps, not all"),
        ({"input_forget": 1}, {}, "coupled"),
        ({"activations": ["Tanh"]}, {}, "1 activations instead of 3"),
        ({"activations": ["Tanh", "Swish", "Tanh"]}, {}, "'swish' is none of ONNX's"),
    ],
)
def test_what_is_refused(
    attributes: dict[str, object], constants: dict[str, Array], message: str
) -> None:
    with pytest.raises(UnsupportedOperator, match=message):
        import_model(layer("LSTM", constants=constants, **attributes), "net.onnx")
