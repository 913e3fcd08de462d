"""Dimensions that a model leaves open are fixed by the user; contradictions are told."""

from __future__ import annotations

import onnx
import pytest

from codegen.errors import BadOption, DynamicShape
from codegen.frontend import fix_shapes, import_model
from tests.frontend.compare import assert_same, make_model


def open_model(
    body: str = "y = Relu (x)", shape: tuple[object, ...] = (3, "h", "w")
) -> onnx.ModelProto:
    return make_model(body, shapes={"x": shape})  # type: ignore[dict-item]


def test_open_dimensions_become_numbers() -> None:
    graph = import_model(fix_shapes(open_model(), {"x": (1, 3, 4, 6)}, "net.onnx"), "net.onnx")
    assert graph.types["y"].shape == (3, 4, 6)


def test_the_fixed_model_computes_what_onnxruntime_computes() -> None:
    model = fix_shapes(
        open_model("p = GlobalAveragePool (x) y = Flatten (p)"), {"x": (1, 3, 4, 6)}, ""
    )
    assert_same(model)


def test_the_model_itself_stays_as_it_is() -> None:
    model = open_model()
    before = model.SerializeToString()
    fix_shapes(model, {"x": (1, 3, 4, 6)}, "net.onnx")
    assert model.SerializeToString() == before
    assert fix_shapes(model, {}, "net.onnx") is model


def test_a_name_has_one_size_in_all_inputs() -> None:
    shapes = {"x": (3, "h", "h"), "z": (3, "h", 4)}
    model = make_model("y = Add (x, z)", shapes=shapes)  # type: ignore[arg-type]
    fixed = fix_shapes(model, {"x": (1, 3, 4, 4)}, "net.onnx")
    assert import_model(fixed, "net.onnx").types["z"].shape == (3, 4, 4)
    with pytest.raises(BadOption, match=r"dimension 3 \('h'\) is 4, not 5"):
        fix_shapes(model, {"x": (1, 3, 4, 5)}, "net.onnx")


def test_an_input_without_a_shape_gets_one() -> None:
    model = open_model()
    model.graph.input[0].type.tensor_type.ClearField("shape")
    with pytest.raises(DynamicShape, match=r"no shape(.|\n)*--shape x=1,\.\.\."):
        import_model(model, "net.onnx")
    fixed = fix_shapes(model, {"x": (1, 5)}, "net.onnx")
    assert import_model(fixed, "net.onnx").types["y"].shape == (5,)


def test_the_error_names_the_option_that_helps() -> None:
    with pytest.raises(DynamicShape) as found:
        import_model(open_model(), "net.onnx")
    assert {p.hint for p in found.value.problems} == {
        "fix it by --shape x=1,3,H,W, or when exporting"
    }


@pytest.mark.parametrize(
    ("name", "dims", "message"),
    [
        ("z", (1, 3, 4, 6), "the model has no input of that name, but x"),
        ("x", (1, 3, 4), "the input has 4 dimensions, not 3"),
        ("x", (1, 4, 4, 6), "dimension 1 is 3, not 4"),
    ],
)
def test_contradictions_are_told(name: str, dims: tuple[int, ...], message: str) -> None:
    with pytest.raises(BadOption) as found:
        fix_shapes(open_model(), {name: dims}, "net.onnx")
    (problem,) = found.value.problems
    assert problem.message.endswith(f": {message}")
    assert problem.where == "net.onnx"
