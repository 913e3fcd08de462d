"""Cast and CastLike against ONNX."""

from __future__ import annotations

from itertools import product

import numpy as np
import onnx
import pytest

from codegen.errors import UnsupportedOperator
from codegen.frontend import import_model, inline_functions
from codegen.passes import canonicalize
from codegen.quantize import calibrate, quantize, synthetic_samples
from tests.frontend.compare import evaluated, make_model, op_names

INTEGERS = ("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")


def element(name: str) -> int:
    return onnx.TensorProto.DataType.Value(name.upper())


@pytest.mark.parametrize(("of", "to"), list(product(("float32", *INTEGERS), INTEGERS)))
def test_any_type_becomes_any_integer(of: str, to: str) -> None:
    rng = np.random.default_rng(0)
    x = rng.integers(0, 100, (1, 3, 4)) if of != "float32" else rng.uniform(0, 100, (1, 3, 4))
    made = evaluated(f"Cast <to = {element(to)}> (x)", {"x": x.astype(of)})
    assert made.dtype == to


@pytest.mark.parametrize("to", INTEGERS[1:])
def test_integers_lose_bits(to: str) -> None:
    info = np.iinfo(np.int64)
    x = np.random.default_rng(0).integers(info.min, info.max, (5, 3))
    evaluated(f"Cast <to = {element(to)}> (x)", {"x": x})


@pytest.mark.parametrize("of", INTEGERS)
@pytest.mark.parametrize("to", ["float", "double", "float16", "bfloat16"])
def test_integers_become_reals(of: str, to: str) -> None:
    x = np.random.default_rng(0).integers(0, 100, (2, 3)).astype(of)
    back = f"Cast <to = {element('float')}> (half)"
    model = onnx.parser.parse_model(
        f'<ir_version: 10, opset_import: ["" : 18]> net ({of}[2,3] x) => (float[2,3] y)'
        f"{{ half = Cast <to = {element(to)}> (x) y = {back} }}"
    )
    graph = canonicalize(import_model(model, "net.onnx"))
    assert op_names(graph) == ["cast"]
    fixed = quantize(graph, calibrate(model, graph, synthetic_samples(graph, 4)))
    assert fixed.types["y"].quant is not None
    evaluated(f"Cast <to = {element('float')}> (x)", {"x": x})


def test_reals_stay_real() -> None:
    model = make_model(f"h = Cast <to = {element('float16')}> (x) y = Relu (h)")
    assert op_names(canonicalize(import_model(model, "net.onnx"))) == ["clip"]


def test_a_constant_like_a_value_is_a_constant() -> None:
    body = "two = Constant <value = int64[1] {2}> () t = CastLike (two, x) y = Mul (x, t)"
    graph = canonicalize(import_model(inline_functions(make_model(body, opset=19)), "net.onnx"))
    assert op_names(graph) == ["conv2d"]


@pytest.mark.parametrize("to", ["float8e4m3fn", "int4", "string"])
def test_other_types_are_told(to: str) -> None:
    name = onnx.TensorProto.DataType.Name(element(to)).lower()
    model = make_model(f"h = Cast <to = {element(to)}> (x) y = Cast <to = 1> (h)", opset=21)
    with pytest.raises(UnsupportedOperator, match=f"casts to {name}"):
        import_model(model, "net.onnx")
