"""Where pools find their maxima, and values put back there, as ONNX says it."""

from __future__ import annotations

import numpy as np
import pytest

from codegen.errors import UnsupportedOperator
from codegen.frontend import import_model
from codegen.passes import canonicalize
from codegen.quantize import calibrate, quantize, synthetic_samples
from tests.frontend.compare import assert_same, make_model, op_names
from tests.ops.harness import GENERIC, assert_c_equals_reference

RNG = np.random.default_rng(0)
CONSTANTS = {
    "w": RNG.normal(0, 0.3, (6, 3, 3, 3)).astype(np.float32),
    "v": RNG.normal(0, 0.3, (4, 6, 3, 3)).astype(np.float32),
    "size": np.array([1, 3, 8, 8]),
}
POOL = "p, i = MaxPool <kernel_shape = [2,2], strides = [2,2]> ({x})"
BACK = "{y} = MaxUnpool <kernel_shape = [2,2], strides = [2,2]> ({x})"
ENCODER = f"a = Conv <pads = [1,1,1,1]> (x, w) r = Relu (a) {POOL.format(x='r')}"
NETWORK = f"{ENCODER} {BACK.format(y='u', x='p, i')} y = Conv <pads = [1,1,1,1]> (u, v)"


@pytest.mark.parametrize(
    "body",
    [
        POOL.format(x="x") + " y = Cast <to = 1> (i)",
        "p, i = MaxPool <kernel_shape = [3,2], strides = [2,1], pads = [1,0,1,1]> (x)"
        " y = Cast <to = 1> (i)",
        "p, i = MaxPool <kernel_shape = [2,2], storage_order = 1> (x) y = Cast <to = 1> (i)",
        POOL.format(x="x") + BACK.format(y="y", x="p, i"),
        POOL.format(x="x") + BACK.format(y="y", x="p, i, size"),
        NETWORK,
    ],
)
def test_places_are_those_of_onnx(body: str) -> None:
    assert_same(make_model(body, CONSTANTS, batch="1"))


def test_a_network_that_pools_and_unpools_has_the_bits_of_its_reference() -> None:
    model = make_model(NETWORK, CONSTANTS, batch="1")
    graph = assert_same(model)
    assert "transpose" not in op_names(graph)
    fixed = quantize(graph, calibrate(model, graph, synthetic_samples(graph, 8)))
    assert_c_equals_reference(fixed, GENERIC, np.random.default_rng(0))


def test_places_have_no_format_in_a_quantized_file() -> None:
    at = "s, z) "
    body = (
        f"q = QuantizeLinear (x, {at} d = DequantizeLinear (q, {at} {POOL.format(x='d')}"
        f" {BACK.format(y='u', x='p, i')} t = QuantizeLinear (u, {at} y = DequantizeLinear (t, {at}"
    )
    formats = {"s": np.asarray(0.02, np.float32), "z": np.asarray(7, np.int8)}
    fixed = quantize(canonicalize(import_model(make_model(body, formats, batch="1"), "net.onnx")))
    assert op_names(fixed) == ["max_pool", "max_places", "unpool"]
    assert_c_equals_reference(fixed, GENERIC, np.random.default_rng(0))


@pytest.mark.parametrize(
    "body",
    [
        "p, i = MaxPool <kernel_shape = [2,2], strides = [2,2], pads = [1,1,1,1]> (x)"
        " y = MaxUnpool <kernel_shape = [2,2], strides = [2,2], pads = [1,1,1,1]> (p, i)",
        POOL.format(x="x") + " y = MaxUnpool <kernel_shape = [3,3], strides = [3,3]> (p, i)",
    ],
)
def test_other_places_are_refused(body: str) -> None:
    with pytest.raises(UnsupportedOperator, match="not those of a MaxPool of the same windows"):
        import_model(make_model(body, batch="1"), "net.onnx")
