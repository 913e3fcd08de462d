"""Scales that are powers of two: every rescale of a layer is a shift."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from codegen.errors import BadQuantization
from codegen.frontend import import_model
from codegen.ir.graph import Graph
from codegen.ir.types import DType, Quant
from codegen.ops import Add, Conv2d, Dense
from codegen.passes import canonicalize
from codegen.quantize import calibrate, quantize, synthetic_samples
from codegen.quantize.equalize import equalize, scales_for
from codegen.quantize.formats import make_format, power_of_two
from codegen.quantize.powers import narrow, narrowed
from tests.quantize import real_models as real
from tests.toy_model import toy_model

INT8, INT16 = DType.INT8, DType.INT16


def fixed_graph(model: onnx.ModelProto, element: DType = INT8) -> Graph:
    graph = canonicalize(import_model(model, "toy.onnx"))
    ranges = calibrate(model, graph, synthetic_samples(graph, 8, 0))
    return quantize(graph, narrow(graph, ranges, element), activations=element, scheme="pow2")


def check_powers(graph: Graph) -> None:
    """Every format is a power of two without a zero point, every multiplier of a layer one, too."""
    for name, kind in graph.types.items():
        assert kind.quant is not None and kind.quant.is_power_of_two, name
    layers = [node for node in graph.nodes if isinstance(node.op, Conv2d | Dense)]
    assert layers
    for node in layers:
        multipliers = node.op.params(graph.signature(node)).rescale.multipliers
        assert all(m & (m - 1) == 0 for m in multipliers), node.output
    for node in graph.nodes:
        if isinstance(node.op, Add):
            params = node.op.params(graph.signature(node))
            assert all(m & (m - 1) == 0 for m in params.multipliers)


@pytest.mark.parametrize("element", [INT8, INT16], ids=lambda kind: kind.value)
def test_all_scales_and_multipliers_are_powers_of_two(element: DType) -> None:
    graph = fixed_graph(toy_model(), element)
    check_powers(graph)
    assert {graph.types[node.output].dtype for node in graph.nodes} == {element}


@pytest.mark.parametrize(
    ("found", "scale"), [((0.0, 0.9), 2**-7), ((-1.0, 0.0), 2**-7), ((0.0, 1.0), 2**-6)]
)
def test_a_format_is_the_finest_that_covers(found: tuple[float, float], scale: float) -> None:
    assert make_format(found, scheme="pow2") == Quant((scale,))


def test_q_formats_tell_bits_before_and_behind_the_point() -> None:
    assert Quant((2.0**-5,)).q_format == "Q2.5"
    assert Quant((2.0**-12,), element=INT16).q_format == "Q3.12"
    assert Quant((0.5,), 1).q_format == "" == Quant((0.3,)).q_format


def test_few_elements_far_out_saturate() -> None:
    x = np.concatenate([np.linspace(-0.9, 0.9, 1000), [4.2]])
    assert narrowed(x, (-0.9, 4.2), INT8) == (-0.9, pytest.approx(127 / 32))
    assert narrowed(x[:-1], (-0.9, 0.9), INT8) == (-0.9, 0.9)


def test_channels_are_equalized_by_powers_of_two() -> None:
    scales = scales_for({0: 1.0, 1: 0.3, 2: 0.01}, 1.0, "pow2")
    assert scales == {0: 1.0, 1: 0.5, 2: 2.0**-6}
    assert power_of_two(list(scales.values())).tolist() == list(scales.values())


def test_formats_of_the_file_that_are_none_are_refused() -> None:
    model = onnx.parser.parse_model(
        '<ir_version: 8, opset_import: ["" : 17]>'
        " net (float[1, 4] x) => (float[1, 4] z)"
        " <float s = {0.1}, int8 p = {3}>"
        " { q = QuantizeLinear (x, s, p) d = DequantizeLinear (q, s, p) z = Relu (d) }"
    )
    graph = canonicalize(import_model(model, "net.onnx"))
    with pytest.raises(BadQuantization, match="--scheme pow2") as caught:
        quantize(graph, scheme="pow2")
    assert len(caught.value.problems) == 1


TOP1 = {"mlperf_tiny_kws_dscnn_f32": 0.9, "mlperf_tiny_ic_resnet8_f32": 0.5}
"""By how many points at most top-1 of float may be above that of powers of two, as docs state."""


@pytest.mark.slow
@pytest.mark.parametrize("name", TOP1)
def test_accuracy(shared_models: Path, name: str) -> None:
    model, graph = real.open_network(shared_models, name)
    samples, labels = real.evaluation(shared_models, name), real.labels(shared_models, name)
    ranges = calibrate(model, graph, real.calibration(shared_models, name))
    graph, ranges = equalize(graph, ranges, "pow2")
    fixed = quantize(graph, narrow(graph, ranges, INT8), scheme="pow2")
    check_powers(fixed)
    found = real.run_fixed(fixed, samples).argmax(axis=1) == labels
    expected = real.run_onnxruntime(model, graph, samples).argmax(axis=1) == labels
    assert 100 * (expected.mean() - found.mean()) <= TOP1[name]
