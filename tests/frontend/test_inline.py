"""Functions are replaced by their bodies, whose nodes lead to the user's own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnx.parser
import pytest
from onnx.reference import ReferenceEvaluator

from codegen.errors import UnsupportedOperator
from codegen.frontend import import_model, importer, inline, inline_functions
from codegen.ir.evaluate import evaluate
from codegen.options import Options
from codegen.pipeline import compile_model

LOCAL = """
<ir_version: 10, opset_import: ["" : 18, "mine" : 1]>
net (float[N, 3, 8, 8] x) => (float[N, 3, 8, 8] y)
{
    [first] a = mine.Block <slope = 0.5> (x)
    b = mine.Block (a)
    y = Identity (b)
}
<domain: "mine", opset_import: ["" : 18]>
Inner (v) => (w)
{
    one = Constant <value = float {1.0}> ()
    like = CastLike (one, v)
    w = Add (v, like)
}
<domain: "mine", opset_import: ["" : 18, "mine" : 1]>
Block <slope: float = 0.25> (v) => (w)
{
    k = Constant <value_float: float = @slope> ()
    t = mine.Inner (v)
    u = Mul (t, k)
    w = Relu (u)
}
"""


def node_names(model: onnx.ModelProto) -> list[str]:
    return [node.name for node in model.graph.node]


def schema_model(body: str, opset: int = 22) -> onnx.ModelProto:
    return onnx.shape_inference.infer_shapes(
        onnx.parser.parse_model(
            f'<ir_version: 10, opset_import: ["" : {opset}]> net (float[N, 4, 6, 6] x)'
            f" => (float[] y) {{ {body} }}"
        )
    )


def outputs(model: onnx.ModelProto, x: np.ndarray) -> np.ndarray:
    for value in model.graph.output:
        value.type.tensor_type.ClearField("shape")
    return np.asarray(ReferenceEvaluator(model).run(None, {"x": x})[0])


def test_local_functions_mean_what_their_bodies_say() -> None:
    model = onnx.parser.parse_model(LOCAL)
    x = np.random.default_rng(1).normal(size=(1, 3, 8, 8)).astype(np.float32)
    inlined = inline_functions(model)
    assert not inlined.functions
    onnx.checker.check_model(inlined)
    graph = import_model(inlined, "net.onnx")
    found = evaluate(graph, (x,))[graph.outputs[0]]
    expected = 0.25 * np.maximum(0.5 * (np.maximum(x + 1, 0)) + 1, 0)
    np.testing.assert_allclose(outputs(inlined, x), expected, rtol=1e-6)
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_nodes_of_a_body_bear_the_name_of_the_call() -> None:
    names = node_names(inline_functions(onnx.parser.parse_model(LOCAL)))
    assert {name for name in names if name.startswith("first/")} >= {"first/Mul", "first/Relu"}
    assert {name for name in names if name.startswith("Block_b/")} >= {"Block_b/Mul"}
    assert len(set(names)) == len(names)


def test_a_refused_part_leads_to_the_call(monkeypatch: pytest.MonkeyPatch) -> None:
    left = tuple(entry for entry in importer.CONVERTERS if entry[0] != "Hardmax")
    monkeypatch.setattr(importer, "CONVERTERS", left)
    text = LOCAL.replace("w = Relu (u)", "w = Hardmax (u)")
    with pytest.raises(UnsupportedOperator) as found:
        import_model(inline_functions(onnx.parser.parse_model(text)), "net.onnx")
    assert [problem.where for problem in found.value.problems] == [
        "net.onnx: node 'first/Hardmax' (Hardmax)",
        "net.onnx: node 'Block_b/Hardmax' (Hardmax)",
    ]


def test_a_model_without_functions_is_the_same_object() -> None:
    model = schema_model("y = Relu (x)")
    assert inline_functions(model) is model


def test_an_operator_whose_parts_are_not_known_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inline, "CONVERTED", frozenset({"Relu", "Mul"}))
    inlined = inline_functions(schema_model("[act] y = Celu (x)"))
    assert [node.op_type for node in inlined.graph.node] == ["Celu"]


BODIES = {
    "y = Celu <alpha = 2.0> (x)": {"Celu"},
    "y = Mish (x)": {"Mish"},
    "y = HardSwish (x)": {"HardSwish", "HardSigmoid"},
    "y = MeanVarianceNormalization (x)": {"MeanVarianceNormalization"},
    "s = Constant <value_floats = [1.0, 2.0, 0.5, 1.0]> ()"
    " y = GroupNormalization <num_groups = 2> (x, s, s)": {"GroupNormalization"},
    "y = ReduceSumSquare <keepdims = 1> (x)": {"ReduceSumSquare"},
    "y = Softsign (x)": {"Softsign"},
    "y = ThresholdedRelu <alpha = 0.5> (x)": {"ThresholdedRelu"},
}


@pytest.mark.parametrize("opset", [18, 22])
@pytest.mark.parametrize("body", BODIES)
def test_bodies_of_operators_mean_the_same(body: str, opset: int) -> None:
    """Whatever has a converter: here all but the operators that are to be replaced."""
    model = schema_model(body, opset)
    if "GroupNormalization" in body and opset < 21:
        pytest.skip("its older form has another meaning")
    schemas = {schema.name for schema in onnx.defs.get_all_schemas()}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(inline, "CONVERTED", frozenset(schemas - BODIES[body]))
        inlined = inline_functions(model)
    kinds = {node.op_type for node in inlined.graph.node}
    assert not kinds & BODIES[body]
    x = np.random.default_rng(1).normal(size=(1, 4, 6, 6)).astype(np.float32)
    np.testing.assert_allclose(outputs(inlined, x), outputs(model, x), rtol=1e-4, atol=1e-6)


def test_casts_within_bodies_fold(tmp_path: Path) -> None:
    """A network of local functions compiles, and its constants leave no work behind."""
    onnx.save(onnx.parser.parse_model(LOCAL), tmp_path / "net.onnx")
    compiled = compile_model(Options(str(tmp_path / "net.onnx"), "host"))
    assert {step.node.op.name for step in compiled.schedule.steps} <= {"conv2d", "add", "affine"}
