"""SqueezeNet 1.0 with the densities and codebooks that were published: bytes, decisions, and C.

Iandola et al. 2016, "SqueezeNet", arXiv 1602.07360, table 1: 421,098 of 1,248,424 parameters are
left, in 6 bits, 0.47 MB. Of fire8, 30 % of the 3x3 weights are left: that gives the printed count.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from codegen.ir.coding import coded_bytes
from codegen.ir.evaluate import evaluate
from codegen.ir.graph import Graph
from codegen.ops import Conv2d
from codegen.passes.code_weights import code_weights
from codegen.plan.solve import schedule_and_plan
from codegen.quantize import Samples, calibrate, graph_inputs, quantize
from codegen.quantize.calibrate import evidence_inputs
from codegen.quantize.equalize import equalize
from codegen.quantize.linear_layers import own_layers
from codegen.quantize.prune import prune
from codegen.quantize.requested_forms import codings
from codegen.quantize.weight_form import WeightForm
from codegen.targets import load_target
from codegen.toolchain.cross import build_target
from codegen.toolchain.emulate import emulate
from codegen.toolchain.host import build_host, run_host
from tests.ops.harness import ARM_DSP, assert_c_equals_reference, merged, samples, write_c
from tests.quantize import real_models as real
from tests.schedule.test_variants import plan_form

NAME = "squeezenet1_0_imagenet_f32"
DENSITIES = {
    **{f"fire{fire}/relu_conv3x3_2": 0.33 for fire in range(2, 8)},
    **{f"fire{fire}/relu_conv3x3_2": 0.3 for fire in (8, 9)},
    **{f"fire{fire}/relu_conv1x1_2": 0.5 for fire in (6, 8)},
    **{f"fire{fire}/relu_conv1x1_1": 0.5 for fire in (7, 9)},
    "relu_conv_final": 0.2,
}
PUBLISHED_PARAMS = 421_098
MOST_BYTES = 480_000


def forms_of(graph: Graph) -> dict[str, WeightForm]:
    return {
        name: WeightForm(codebook=6, density=DENSITIES.get(name, 1.0)) for name in own_layers(graph)
    }


def coded(fixed: Graph, forms: dict[str, WeightForm]) -> Graph:
    return code_weights(fixed, codings(fixed, forms))


def convolutions(graph: Graph) -> list[str]:
    return [node.output for node in graph.nodes if isinstance(node.op, Conv2d)]


def coded_size(graph: Graph) -> int:
    """Bytes of codes and tables, and one for each bias: the paper counts six bits."""
    total = 0
    for name in convolutions(graph):
        _, weights, bias = graph.producers()[name].inputs
        coding, data = graph.types[weights].coding, graph.constants[weights]
        assert coding is not None and len(np.unique(data)) <= 64
        total += coded_bytes(data, coding) + graph.types[bias].elements
    return total


@pytest.fixture(scope="module")
def compressed(shared_models: Path) -> Graph:
    """Pruned by magnitude, with scales of one photo."""
    model, graph = real.open_network(shared_models, NAME)
    photo = Samples(real.calibration(shared_models, NAME).one(0), "a photo")
    ranges = replace(calibrate(model, graph, photo), evidence=None)
    forms = forms_of(graph)
    return coded(quantize(prune(graph, DENSITIES), ranges, forms=forms), forms)


def test_as_many_parameters_are_left_as_published(shared_models: Path) -> None:
    _, graph = real.open_network(shared_models, NAME)
    pruned = prune(graph, DENSITIES)
    left = sum(
        int(np.ceil(DENSITIES.get(name, 1.0) * pruned.constants[weights].size))
        + pruned.constants[bias].size
        for name in convolutions(pruned)
        for _, weights, bias in [pruned.producers()[name].inputs]
    )
    assert left == pytest.approx(PUBLISHED_PARAMS, abs=10)


def test_coded_weights_take_no_more_than_published(compressed: Graph) -> None:
    assert coded_size(compressed) <= MOST_BYTES


def layer_alone(graph: Graph, name: str) -> Graph:
    """One layer of the network, on an image of 3x4 pixels."""
    node = graph.producers()[name]
    x = replace(graph.types[node.inputs[0]], shape=(3, 4, graph.types[node.inputs[0]].channels))
    y = replace(graph.types[name], shape=(3, 4, graph.types[name].channels))
    types = {**graph.types, node.inputs[0]: x, name: y}
    alone = replace(graph, inputs=(node.inputs[0],), outputs=(name,), types=types, origins={})
    return alone.with_nodes([node])


def test_layers_decode_in_c_to_the_same_bytes(compressed: Graph, tmp_path: Path) -> None:
    """One with a Huffman code, and one with indices of 6 bits."""
    names = ("fire5/relu_conv3x3_2", "fire3/relu_conv1x1_1")
    graph = merged([layer_alone(compressed, name) for name in names])
    kinds = {kind.coding.kind for kind in graph.types.values() if kind.coding}
    assert kinds == {"huffman", "codebook"}
    target = load_target("cortex-m4")
    planned = plan_form(graph, target.kernels, 0)
    assert all(step.kernel.decodes for step in planned[0].steps)
    assert_c_equals_reference(graph, ARM_DSP, np.random.default_rng(2), planned)
    inputs = samples(graph, np.random.default_rng(4), count=4)
    program = write_c(graph, target.kernels, tmp_path, inputs, planned)
    run = emulate(build_target(tmp_path, program.interface, target, tmp_path), inputs)
    expected = evaluate(graph, inputs)
    for output, got in zip(graph.outputs, run.outputs, strict=True):
        np.testing.assert_array_equal(got, expected[output], output)


@pytest.mark.slow
def test_the_whole_network_decodes_in_c(
    shared_models: Path, compressed: Graph, tmp_path: Path
) -> None:
    """On the host with two photos and the extremes, on an emulated Cortex-M4 with one photo."""
    photos = graph_inputs(compressed, real.evaluation(shared_models, NAME, 2))
    least, greatest = (np.full_like(photos[0][:1], value) for value in (-128, 127))
    inputs = (np.concatenate((photos[0], least, greatest)),)
    target = load_target("cortex-m4")
    planned = schedule_and_plan(compressed, target.kernels)
    decoding = [step.kernel.decodes > 0 for step in planned[0].steps]
    assert sum(decoding) == len(convolutions(compressed))
    program = write_c(compressed, target.kernels, tmp_path, inputs, planned)
    (expected,) = (evaluate(compressed, inputs)[name] for name in compressed.outputs)
    (found,) = run_host(build_host(tmp_path, program.interface, tmp_path), inputs)
    np.testing.assert_array_equal(found, expected)
    run = emulate(build_target(tmp_path, program.interface, target, tmp_path), [inputs[0][:1]])
    np.testing.assert_array_equal(run.outputs[0], expected[:1])


@pytest.mark.slow
def test_decisions_mostly_stay_without_training(shared_models: Path) -> None:
    """The paper trains what is left; fitted to twenty photos, four in five are decided alike."""
    model, graph = real.open_network(shared_models, NAME)
    photos = real.calibration(shared_models, NAME)
    pruned = prune(graph, DENSITIES, evidence_inputs(graph, photos))
    equalized, ranges = equalize(pruned, calibrate(model, pruned, photos))
    forms = forms_of(graph)
    fixed = coded(quantize(equalized, ranges, forms=forms), forms)
    assert coded_size(fixed) <= MOST_BYTES
    tested = real.evaluation(shared_models, NAME)
    expected = real.run_onnxruntime(model, graph, tested).reshape(tested.count, -1)
    found = real.run_fixed(fixed, tested).reshape(tested.count, -1)
    assert (found.argmax(axis=1) == expected.argmax(axis=1)).mean() >= 0.8
