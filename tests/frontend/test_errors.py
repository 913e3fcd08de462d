"""What cannot be imported is refused in one go, with names, reasons and hints."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from codegen.errors import DynamicShape, InvalidModel, UnreadableFile, UnsupportedOperator
from codegen.frontend import import_model, load_onnx
from tests.frontend.compare import make_model


def refused(model: onnx.ModelProto) -> list[str]:
    with pytest.raises(UnsupportedOperator) as found:
        import_model(model, "net.onnx")
    return [f"{problem.where}: {problem.message}" for problem in found.value.problems]


def test_an_absent_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile, match="there is no such file") as found:
        load_onnx(tmp_path / "net.onnx")
    assert found.value.problems[0].where.endswith("net.onnx")


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile, match="folder"):
        load_onnx(tmp_path)


@pytest.mark.parametrize("content", [b"", b"not a protobuf at all", bytes(range(256))])
def test_a_file_of_another_kind_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "net.onnx"
    path.write_bytes(content)
    with pytest.raises(UnreadableFile, match=r"this is not an ONNX file|holds no network"):
        load_onnx(path)


def test_absent_external_data_is_told(tmp_path: Path) -> None:
    model = make_model("y = MatMul (x, w)", {"w": np.ones((8, 8), np.float32)})
    path = tmp_path / "net.onnx"
    onnx.save(model, path, save_as_external_data=True, location="net.data", size_threshold=0)
    assert np.array_equal(
        numpy_helper.to_array(load_onnx(path).graph.initializer[0]), np.ones((8, 8))
    )
    (tmp_path / "net.data").unlink()
    with pytest.raises(UnreadableFile, match="external data"):
        load_onnx(path)


def test_every_dynamic_dimension_is_listed() -> None:
    model = make_model("y = Relu (x)", shapes={"x": (3, "h", "w")})  # type: ignore[arg-type]
    with pytest.raises(DynamicShape) as found:
        import_model(model, "net.onnx")
    assert [problem.message for problem in found.value.problems] == [
        "dimension 2 ('h') is not known before the network runs",
        "dimension 3 ('w') is not known before the network runs",
    ]


def test_an_old_operator_set_is_refused() -> None:
    model = make_model("y = Relu (x)", opset=9)
    assert refused(model) == ["net.onnx: the model uses operator set 9; 11 is the oldest supported"]


def test_all_refused_nodes_are_listed() -> None:
    model = make_model("a = Det (x) b = Relu (a) c = RandomNormalLike (x) y = Conv (c, c)")
    assert refused(model) == [
        "net.onnx: node 'Det_a' (Det): Det: there is no fixed-point kernel",
        "net.onnx: node 'RandomNormalLike_c' (RandomNormalLike): RandomNormalLike: there is no"
        " fixed-point kernel",
        "net.onnx: node 'Conv_y' (Conv): Conv: operand 1 must be constant, 'c' is computed",
    ]


REASONS = {
    "y = Conv (x, x)": "operand 1 must be constant, 'x' is computed",
    "y = Slice (x, none, none)": "leaves nothing",
    "y, z = Split <axis=1> (x, parts)": "splits 3 indices in 2 parts of (1, 4)",
    "y, i = MaxPool <kernel_shape=[2,2], dilations=[2,2]> (x) j = Cast <to=1> (i)": "dilated",
    "y = RandomNormal <shape=[1,3]> ()": "gives random values",
    "y = Transpose <perm=[1,1,2,3]> (x)": "perm (1, 1, 2, 3) does not reorder 4 dimensions",
    "y = Div (x, zero)": "divides by zero",
}
CONSTANTS = {
    "parts": np.asarray([1, 4]),
    "none": np.asarray([0]),
    "zero": np.zeros(1, np.float32),
}


@pytest.mark.parametrize("body", REASONS)
def test_the_reason_is_given(body: str) -> None:
    outputs = ("y", "j") if "j = " in body else ("y",)
    found = import_error(make_model(body, CONSTANTS, outputs=outputs))
    assert REASONS[body] in found


def import_error(model: onnx.ModelProto) -> str:
    with pytest.raises(UnsupportedOperator) as found:
        import_model(model, "net.onnx")
    return str(found.value)


def test_an_operator_of_another_domain_is_refused() -> None:
    model = make_model("y = Relu (x)")
    model.graph.node[0].domain = "com.example"
    model.opset_import.append(onnx.helper.make_opsetid("com.example", 1))
    assert "operator of domain 'com.example'" in import_error(model)


def test_an_input_of_another_element_type_is_refused() -> None:
    model = make_model("y = Identity (x)")
    model.graph.input[0].type.tensor_type.elem_type = onnx.TensorProto.DOUBLE
    model.graph.output[0].type.tensor_type.elem_type = onnx.TensorProto.DOUBLE
    assert "the input's element type is double" in import_error(model)


def test_an_empty_output_is_refused() -> None:
    model = make_model("y = Shape <start=4> (x)", opset=15)
    assert "the output is empty" in import_error(model)


def test_a_model_that_contradicts_itself_is_invalid() -> None:
    model = make_model("y = Relu (x)")
    model.graph.node[0].input[0] = "nothing"
    with pytest.raises(InvalidModel):
        import_model(model, "net.onnx")
