"""Convolutions over any axes, transposed ones, and sums of products of any operands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import numpy_helper

from codegen.errors import UnsupportedOperator
from codegen.frontend import import_model
from codegen.ir.evaluate import evaluate
from codegen.ir.graph import Graph
from codegen.ir.types import Array
from codegen.passes import canonicalize
from tests.frontend.compare import op_names

Shape = Sequence[int]


def model_of(
    body: str, shapes: Mapping[str, Shape], constants: Mapping[str, Array], opset: int = 17
) -> onnx.ModelProto:
    """Return a model whose inputs have these shapes, all dimensions told."""
    inputs = ", ".join(f"float[{','.join(map(str, s))}] {name}" for name, s in shapes.items())
    text = f'<ir_version: 8, opset_import: ["" : {opset}]> n ({inputs}) => (float[] y) {{ {body} }}'
    model = onnx.parser.parse_model(text)
    for name, data in constants.items():
        model.graph.initializer.append(numpy_helper.from_array(data, name))
    model.graph.output[0].type.tensor_type.ClearField("shape")
    return onnx.shape_inference.infer_shapes(model)


def assert_means_the_same(
    body: str, shapes: Mapping[str, Shape], constants: Mapping[str, Shape] | None = None
) -> Graph:
    """Compare with onnxruntime, before and after the passes; return the canonical graph."""
    rng = np.random.default_rng(3)
    held = {
        name: rng.standard_normal(shape).astype(np.float32)
        for name, shape in (constants or {}).items()
    }
    model = model_of(body, shapes, held)
    feeds = {name: rng.standard_normal(s).astype(np.float32) for name, s in shapes.items()}
    session = onnxruntime.InferenceSession(model.SerializeToString())
    (expected,) = session.run(None, feeds)
    imported = import_model(model, "net.onnx")
    for graph in (imported, canonicalize(imported)):
        arrays = [
            graph.origins[name].one(feeds[graph.origins[name].tensor], graph.types[name].shape)
            for name in graph.inputs
        ]
        (name,) = graph.outputs
        found = evaluate(graph, arrays)[name]
        wanted = graph.origins[name].one(np.asarray(expected), graph.types[name].shape)
        np.testing.assert_allclose(found, wanted, rtol=0, atol=2e-5)
        tensors = {value.name for value in (*model.graph.input, *model.graph.output)}
        shown = {origin.tensor for origin in graph.origins.values()}
        assert shown <= tensors | {out for node in model.graph.node for out in node.output}
    return graph


CONVOLUTIONS = {
    "one axis": ("Conv <pads=[2,1], strides=[2], dilations=[2]> (x, w)", (1, 3, 9), (4, 3, 3)),
    "one axis, same": ('Conv <auto_pad="SAME_LOWER"> (x, w)', (1, 3, 9), (4, 3, 4)),
    "one axis, groups": ("Conv <group=3> (x, w)", (1, 6, 9), (3, 2, 4)),
    "two samples": ("Conv <pads=[1,1,0,0]> (x, w)", (2, 3, 5, 4), (4, 3, 3, 2)),
    "three samples of one axis": ("Conv (x, w)", (3, 2, 5), (4, 2, 3)),
    "padding wider than the window": ("Conv <pads=[3,4,5,3]> (x, w)", (1, 3, 5, 4), (4, 3, 2, 3)),
    "transposed": ("ConvTranspose (x, w)", (1, 3, 4, 5), (3, 2, 3, 3)),
    "transposed, strides": ("ConvTranspose <strides=[2,3]> (x, w)", (1, 3, 4, 5), (3, 2, 3, 4)),
    "transposed, pads": (
        "ConvTranspose <strides=[2,3], pads=[1,2,0,1]> (x, w)",
        (1, 3, 4, 5),
        (3, 2, 3, 4),
    ),
    "transposed, a stride above the window": (
        "ConvTranspose <strides=[3,4], pads=[1,0,0,1]> (x, w)",
        (1, 3, 4, 5),
        (3, 2, 2, 1),
    ),
    "transposed, output padding": (
        "ConvTranspose <strides=[2,2], pads=[1,1,1,1], output_padding=[1,1]> (x, w)",
        (1, 3, 4, 5),
        (3, 2, 3, 3),
    ),
    "transposed, output shape": (
        "ConvTranspose <strides=[2,2], output_shape=[8,9]> (x, w)",
        (1, 3, 4, 5),
        (3, 2, 3, 3),
    ),
    "transposed, same": (
        'ConvTranspose <strides=[2,2], auto_pad="SAME_UPPER"> (x, w)',
        (1, 3, 4, 5),
        (3, 2, 3, 4),
    ),
    "transposed, dilations and strides": (
        "ConvTranspose <strides=[2,3], dilations=[3,2], pads=[2,1,3,0]> (x, w)",
        (1, 3, 4, 5),
        (3, 2, 3, 3),
    ),
    "transposed, dilations": (
        "ConvTranspose <dilations=[2,3], pads=[1,1,2,0]> (x, w)",
        (1, 3, 4, 5),
        (3, 2, 2, 2),
    ),
    "transposed, groups": (
        "ConvTranspose <group=2, strides=[2,2], pads=[1,0,0,1]> (x, w)",
        (1, 4, 4, 3),
        (4, 3, 3, 3),
    ),
    "transposed, depthwise": (
        "ConvTranspose <group=3, strides=[2,2]> (x, w)",
        (1, 3, 4, 3),
        (3, 1, 4, 4),
    ),
    "transposed, pads beyond the window": (
        "ConvTranspose <strides=[1,2], pads=[3,2,2,4]> (x, w)",
        (1, 2, 6, 7),
        (2, 3, 2, 2),
    ),
    "transposed, one axis": (
        "ConvTranspose <strides=[2], pads=[1,0]> (x, w)",
        (1, 3, 5),
        (3, 2, 3),
    ),
    "transposed, two samples": ("ConvTranspose <strides=[2,2]> (x, w)", (2, 2, 3, 3), (2, 2, 2, 2)),
}


@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_convolution(name: str) -> None:
    call, x, w = CONVOLUTIONS[name]
    assert_means_the_same(f"y = {call}", {"x": x}, {"w": w})
    filters = w[0] if call.startswith("Conv ") else w[1] * (2 if "=2, str" in call else 1)
    if "group=3, s" not in call:
        biased = call.replace("(x, w)", "(x, w, b)")
        assert_means_the_same(f"y = {biased}", {"x": x}, {"w": w, "b": (filters,)})


def test_a_transposed_convolution_is_one_convolution() -> None:
    body = "y = ConvTranspose <strides=[2,2], pads=[1,1,1,1]> (x, w)"
    graph = assert_means_the_same(body, {"x": (1, 8, 4, 4)}, {"w": (8, 5, 4, 4)})
    assert [name for name in op_names(graph) if "ose" not in name] == ["conv2d", "depth_to_space"]


PRODUCTS = {
    "rows": ((4, 5), (5, 3)),
    "batches": ((2, 4, 5), (2, 5, 3)),
    "a batch of one": ((1, 4, 5), (1, 5, 3)),
    "broadcast on the right": ((2, 3, 4, 5), (5, 3)),
    "broadcast on the left": ((4, 5), (2, 5, 3)),
    "broadcast both ways": ((3, 1, 4, 5), (2, 5, 6)),
    "a row": ((1, 5), (5, 3)),
    "a column": ((2, 4, 5), (5, 1)),
    "vector on the left": ((5,), (2, 5, 3)),
    "vector on the right": ((2, 4, 5), (5,)),
    "vectors": ((5,), (5,)),
    "an outer product": ((4, 1), (1, 3)),
}


@pytest.mark.parametrize("constant", ["", "a", "b"])
@pytest.mark.parametrize("name", PRODUCTS)
def test_matmul(name: str, constant: str) -> None:
    shapes: dict[str, Shape] = dict(zip("ab", PRODUCTS[name], strict=True))
    held = {key: shapes.pop(key) for key in constant}
    assert_means_the_same("y = MatMul (a, b)", shapes, held)


def test_transposed_keys_cost_nothing() -> None:
    body = "t = Transpose <perm=[0,1,3,2]> (k) y = MatMul (q, t)"
    graph = assert_means_the_same(body, {"q": (1, 2, 4, 8), "k": (1, 2, 6, 8)})
    assert op_names(graph) == ["matmul"]


@pytest.mark.parametrize("constant", ["b", "a", ""])
@pytest.mark.parametrize(
    "attributes", ["", "<alpha=0.5>", "<transA=1, alpha=-0.5>", "<transB=1>", "<transA=1,transB=1>"]
)
def test_gemm(attributes: str, constant: str) -> None:
    shapes: dict[str, Shape] = {
        "a": (5, 4) if "transA" in attributes else (4, 5),
        "b": (3, 5) if "transB" in attributes else (5, 3),
    }
    held = {key: shapes.pop(key) for key in constant}
    assert_means_the_same(f"y = Gemm {attributes} (a, b)", shapes, held)


@pytest.mark.parametrize("bias", [(3,), (1, 3), (1,), (), (1, 1)])
def test_gemm_folds_a_bias_of_its_outputs(bias: Shape) -> None:
    body = "y = Gemm <beta=2.0, alpha=0.5> (a, b, c)"
    graph = assert_means_the_same(body, {"a": (4, 5)}, {"b": (5, 3), "c": bias})
    assert [name for name in op_names(graph) if name != "reshape"] == ["conv2d"]


EQUATIONS = {
    "ij->ji": ((3, 4),),
    "ij->i": ((3, 4),),
    "...ii ->...i": ((3, 5, 5),),
    "ii": ((4, 4),),
    "ij->": ((3, 4),),
    "i,i": ((5,), (5,)),
    "bij, bjk -> bik": ((5, 2, 3), (5, 3, 4)),
    "bhid,bhjd->bhij": ((1, 2, 3, 4), (1, 2, 5, 4)),
    "...ij,jk->...ki": ((2, 3, 4), (4, 5)),
    "i,j->ji": ((3,), (4,)),
    "aib,bja->ijab": ((2, 3, 4), (4, 5, 2)),
}


@pytest.mark.parametrize("constant", [False, True])
@pytest.mark.parametrize("equation", EQUATIONS)
def test_einsum(equation: str, constant: bool) -> None:
    shapes: dict[str, Shape] = dict(zip("ab", EQUATIONS[equation], strict=False))
    held = {"b": shapes.pop("b")} if constant and "b" in shapes else {}
    names = ", ".join((*shapes, *held))
    assert_means_the_same(f'y = Einsum <equation="{equation}"> ({names})', shapes, held)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("y = Conv (x, v)", "operand 1 must be constant"),
        ('y = Einsum <equation="bchw,bchw,bchw->b"> (x, x, x)', "multiplies 3 operands"),
        ('y = Einsum <equation="bchw,bcij->ij"> (x, x)', "of one operand alone"),
    ],
)
def test_what_is_refused(body: str, reason: str) -> None:
    model = model_of(body, {"x": (1, 3, 4, 4), "v": (2, 3, 3, 3)}, {})
    with pytest.raises(UnsupportedOperator, match=reason):
        import_model(model, "net.onnx")
