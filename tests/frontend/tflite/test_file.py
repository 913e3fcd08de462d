"""What is read from a TFLite file, and what is told where it cannot be."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("tflite", reason="tflite is absent: pip install codegen-mcu[tflite]")

from codegen.emit.folder import write_files
from codegen.errors import CodegenError, DynamicShape, MissingTool, UnreadableFile
from codegen.frontend import import_model, load_model, unsigned_ports
from codegen.frontend.tflite import load_tflite
from codegen.frontend.tflite.convert import CONVERTERS
from codegen.frontend.tflite.convert.state import STATEFUL
from codegen.ir.text import print_graph
from codegen.options import Options
from codegen.passes import canonicalize
from codegen.pipeline import compile_model
from codegen.quantize import quantize
from codegen.verify.check import run_on_host
from tests.frontend.compare import op_names, run_onnx
from tests.frontend.tflite.build import G, O, T, build, int8, int32

ROOT = Path(__file__).resolve().parents[3]
FORMAT = ("INT8", 0.05, -3)
CONV = {"StrideH": 1, "StrideW": 1, "FusedActivationFunction": 1}


def small_network() -> G:
    """A convolution, an addition and a dense layer."""
    rng = np.random.default_rng(0)
    filters = rng.integers(-127, 128, (4, 3, 3, 4))
    matrix = rng.integers(-127, 128, (3, 64))
    scales = (0.004, 0.002, 0.003, 0.001)
    return G(
        (
            T("x", (1, 4, 4, 4), *FORMAT),
            int8("filters", filters, scales),
            int32("bias", [10, -20, 30, 7], tuple(0.05 * scale for scale in scales)),
            T("relu;conv;bias", (1, 4, 4, 4), "INT8", 0.04, -128),
            T("sum", (1, 4, 4, 4), "INT8", 0.06, -10),
            int32("shape", [1, 64]),
            T("flat", (1, 64), "INT8", 0.06, -10),
            int8("matrix", matrix, 0.01),
            int32("offsets", [1, 2, 3], 0.06 * 0.01),
            T("y", (1, 3), "INT8", 0.3, 4),
        ),
        (
            O("CONV_2D", ("x", "filters", "bias"), ("relu;conv;bias",), "Conv2DOptions", CONV),
            O("ADD", ("x", "relu;conv;bias"), ("sum",), "AddOptions"),
            O("RESHAPE", ("sum", "shape"), ("flat",)),
            O("FULLY_CONNECTED", ("flat", "matrix", "offsets"), ("y",), "FullyConnectedOptions"),
        ),
        ("x",),
        ("y",),
    )


def test_names_integers_and_formats_stay() -> None:
    graph = canonicalize(import_model(load_tflite(build(small_network()), "net.tflite"), "net"))
    assert op_names(graph) == ["conv2d", "add", "reshape", "dense"]
    assert (graph.inputs, graph.outputs) == (("x",), ("y",))
    formats = [graph.types[node.output].quant for node in graph.nodes]
    assert [(round(q.scale, 6), q.zero_point) for q in formats if q is not None] == [
        (0.04, -128),
        (0.06, -10),
        (0.06, -10),
        (0.3, 4),
    ]
    filters = small_network().tensors[1].data
    assert filters is not None
    np.testing.assert_array_equal(graph.constants["filters"], filters)
    assert graph.types["filters"].quant is not None
    assert graph.types["filters"].quant.axis == 0


def test_images_are_transposed_once() -> None:
    """Between image operators nothing goes to channels last and back."""
    model = load_tflite(build(small_network()), "net.tflite")
    kinds = [node.op_type for node in model.graph.node]
    assert kinds.count("Transpose") == 2
    assert len({node.name for node in model.graph.node}) == len(kinds)


def test_the_c_is_proved_as_for_any_file(tmp_path: Path) -> None:
    path = tmp_path / "net.tflite"
    path.write_bytes(build(small_network()))
    compiled = compile_model(Options(model=str(path), target="host"))
    assert compiled.network.calibration.kind == "model"
    assert {"net.c", "net.h"} <= compiled.files.keys()


def as_uint8(signed: G) -> G:
    """Return the network of integers 128 greater, zero points too."""
    moved = tuple(
        T(t.name, t.shape, "UINT8", t.scale, t.zero + 128, shifted(t), t.axis)
        if t.type == "INT8"
        else t
        for t in signed.tensors
    )
    return G(moved, signed.operators, signed.inputs, signed.outputs)


def test_uint8_computes_as_int8_128_less() -> None:
    """The network is the same but for its ports."""
    signed = small_network()
    models = [load_tflite(build(graph), "net.tflite") for graph in (signed, as_uint8(signed))]
    assert [unsigned_ports(model) for model in models] == [frozenset(), {"x", "y"}]
    expected, found = (quantize(canonicalize(import_model(m, "net.tflite"))) for m in models)
    assert print_graph(found) == print_graph(expected)


def shifted(tensor: T) -> np.ndarray | None:
    return None if tensor.data is None else (tensor.data.astype(int) + 128).astype(np.uint8)


def with_uint8_ports(signed: G) -> G:
    """Return the int8 network behind and before a QUANTIZE, as `inference_input_type` makes it."""
    kinds = {t.name: t for t in signed.tensors}
    outside = tuple(
        replace(kinds[name], name=f"{name}8", type="UINT8", zero=kinds[name].zero + 128)
        for name in ("x", "y")
    )
    first, last = O("QUANTIZE", ("x8",), ("x",)), O("QUANTIZE", ("y",), ("y8",))
    operators = (first, *signed.operators, last)
    return G((*signed.tensors, *outside), operators, ("x8",), ("y8",))


@pytest.mark.parametrize("wrap", [as_uint8, with_uint8_ports])
def test_uint8_ports_take_and_give_the_bytes_of_the_file(
    wrap: Callable[[G], G], tmp_path: Path
) -> None:
    """They are 128 more than those of the int8 file, and a step from onnxruntime's at most."""
    batch = np.random.default_rng(1).integers(0, 256, (30, 4, 4, 4)).astype(np.uint8)
    found = {}
    for name, network in (("signed", small_network()), ("net", wrap(small_network()))):
        (tmp_path / f"{name}.tflite").write_bytes(build(network))
        made = compile_model(Options(model=str(tmp_path / f"{name}.tflite"), target="host"))
        write_files(tmp_path, made.files)
        given = (batch - 128).view(np.int8) if name == "signed" else batch
        (found[name],) = run_on_host(tmp_path, made.program.interface, (given,))
    names = [step.node.op.name for step in made.schedule.steps]
    assert names == ["flip_sign", "conv2d", "add", "dense", "flip_sign"]
    (taken,), (given_back,) = made.program.interface.inputs, made.program.interface.outputs
    assert [(p.dtype.value, p.zero_point) for p in (taken, given_back)] == [
        ("uint8", -3 + 128),
        ("uint8", 4 + 128),
    ]
    np.testing.assert_array_equal(found["net"], found["signed"].astype(int) + 128)
    expected = run_onnx(made.network.model, {taken.tensor: batch})[given_back.tensor]
    assert expected.dtype == np.uint8
    assert np.abs(found["net"].astype(int) - expected).max() <= 1


def test_weights_with_a_zero_point_lose_it_where_they_fit() -> None:
    network = small_network()
    tensors = tuple(
        T(t.name, t.shape, "INT8", 0.01, 2, np.clip(t.data, -100, 100) + np.int8(2))
        if t.name == "matrix" and t.data is not None
        else t
        for t in network.tensors
    )
    made = G(tensors, network.operators, network.inputs, network.outputs)
    graph = canonicalize(import_model(load_tflite(build(made), "net.tflite"), "net"))
    matrix = network.tensors[7].data
    assert matrix is not None
    np.testing.assert_array_equal(graph.constants["matrix"], np.clip(matrix, -100, 100))


def test_float_networks_are_read_too() -> None:
    tensors = (
        T("x", (1, 4), "FLOAT32"),
        T("w", (2, 4), "FLOAT32", data=np.arange(8, dtype=np.float32).reshape(2, 4)),
        T("y", (1, 2), "FLOAT32"),
    )
    op = O("FULLY_CONNECTED", ("x", "w"), ("y",), "FullyConnectedOptions")
    model = load_tflite(build(G(tensors, (op,), ("x",), ("y",))), "net.tflite")
    x = np.float32([[1, 2, 3, 4]])
    np.testing.assert_allclose(run_onnx(model, {"x": x})["y"], [[20, 60]])
    assert op_names(import_model(model, "net.tflite")) == ["dense"]


def test_every_problem_of_the_file_is_told() -> None:
    network = small_network()
    x, y = network.tensors[0], network.tensors[-1]
    tensors = (
        x,
        *(T(name, (1, 4, 4, 4), *FORMAT) for name in "abcd"),
        int32("begin", [0, 0, 0, 0]),
        T("spread", (1, 4, 4, 4), "COMPLEX64"),
        y,
    )
    operators = (
        O("CUMSUM", ("x", "begin"), ("a",)),
        O("CUSTOM_Mine", ("a",), ("b",)),
        O(
            "STRIDED_SLICE",
            ("x", "begin", "begin", "begin"),
            ("c",),
            "StridedSliceOptions",
            {"EllipsisMask": 1},
        ),
        O("ABS", ("spread",), ("d",)),
        O("CONV_2D", ("x", "begin"), ("y",), "Conv2DOptions", CONV),
    )
    with pytest.raises(CodegenError) as caught:
        import_model(load_tflite(build(G(tensors, operators, ("x",), ("y",))), "n"), "net.tflite")
    told = [f"{problem.where}: {problem.message}" for problem in caught.value.problems]
    expected = (
        ("0_CUMSUM", "no translation to ONNX"),
        ("1_CUSTOM_Mine", "no translation to ONNX"),
        ("2_STRIDED_SLICE", "ellipsis_mask"),
        ("3_ABS", "'spread' is complex64"),
        ("4_CONV_2D", "convolves tensors of shapes (1, 4, 4, 4) and (4,)"),
    )
    assert len(told) == len(expected)
    for line, (node, reason) in zip(told, expected, strict=True):
        assert f"net.tflite: node '{node}'" in line
        assert reason in line


def test_operands_that_do_not_fit_are_told() -> None:
    tensors = (T("x", (), *FORMAT), T("y", (), *FORMAT), int32("p", [1]))
    op = O("PAD", ("x", "p"), ("y",))
    with pytest.raises(CodegenError, match="0_PAD"):
        import_model(load_tflite(build(G(tensors, (op,), ("x",), ("y",))), "n"), "net.tflite")


def test_free_dimensions_other_than_the_batch_are_told() -> None:
    def network(signature: tuple[int, ...]) -> onnx.ModelProto:
        tensors = (
            T("x", (1, 1, 4), *FORMAT, signature=signature),
            T("y", (1, 1, 4), *FORMAT),
        )
        graph = G(tensors, (O("RELU", ("x",), ("y",)),), ("x",), ("y",))
        return load_tflite(build(graph), "net.tflite")

    assert op_names(import_model(network((-1, 1, 4)), "net.tflite")) != []
    with pytest.raises(DynamicShape, match="dimension 1"):
        import_model(network((-1, -1, 4)), "net.tflite")


@pytest.mark.parametrize("content", (b"", b"text", b"\x08\x08onnx" * 20, b"\x00\x01TFL3"))
def test_other_files_are_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "net.tflite"
    path.write_bytes(content)
    with pytest.raises(UnreadableFile, match="no TFLite file"):
        load_model(path)


def test_an_absent_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tflite", None)
    path = tmp_path / "net.tflite"
    path.write_bytes(build(small_network()))
    with pytest.raises(MissingTool, match=r"codegen-mcu\[tflite\]"):
        load_model(path)


@settings(max_examples=150)
@given(data=st.data())
def test_damaged_files_give_no_traceback(data: st.DataObject) -> None:
    """A file cut short or with other bytes is read, or refused with a reason."""
    content = bytearray(build(small_network()))
    end = data.draw(st.integers(8, len(content)))
    for _ in range(data.draw(st.integers(0, 3))):
        content[data.draw(st.integers(8, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        import_model(load_tflite(bytes(content[:end]), "net.tflite"), "net.tflite")
    except CodegenError as error:
        assert error.problems


def test_the_documentation_lists_what_is_translated() -> None:
    page = (ROOT / "docs" / "tflite.md").read_text(encoding="utf-8").split("## Operators")[1]
    rows = re.findall(r"^\| ([A-Z].*?) \|", page, re.MULTILINE)[1:]
    listed = {name for row in rows for name in row.split(", ")}
    assert listed == {name for name, _ in CONVERTERS} | {*STATEFUL}
