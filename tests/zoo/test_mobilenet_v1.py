"""MobileNet v1: the published counts, the padding, and a signal that lives through the depth."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import numpy_helper, shape_inference

from codegen.ir.types import Array
from codegen.zoo import build
from codegen.zoo.mobilenet_v1 import depth


def parameters(model: onnx.ModelProto) -> dict[str, Array]:
    return {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}


def count_weights(model: onnx.ModelProto) -> int:
    """Weights of convolutions and classifier, as the paper counts: no batch norm, no bias."""
    return sum(a.size for name, a in parameters(model).items() if name.endswith("_weights"))


def count_macs(model: onnx.ModelProto) -> int:
    inferred = shape_inference.infer_shapes(model, strict_mode=True, data_prop=True)
    values = [*inferred.graph.value_info, *inferred.graph.output]
    shapes = {v.name: [d.dim_value for d in v.type.tensor_type.shape.dim] for v in values}
    weights = parameters(model)
    total = 0
    for node in model.graph.node:
        if node.op_type in ("Conv", "Gemm"):
            per_output = int(np.prod(weights[node.input[1]].shape[1:]))
            total += per_output * int(np.prod(shapes[node.output[0]][1:]))
    return total


@pytest.mark.parametrize(
    ("alpha", "resolution", "macs", "weights"),
    [
        (1.0, 224, 568_740_352, 4_209_088),
        (0.75, 224, 325_400_448, 2_568_144),
        (0.5, 224, 149_497_088, 1_319_648),
        (0.25, 224, 41_030_272, 463_600),
        (1.0, 192, 418_121_728, 4_209_088),
        (1.0, 160, 290_675_200, 4_209_088),
        (1.0, 128, 186_400_768, 4_209_088),
        (0.5, 160, 76_524_800, 1_319_648),
    ],
)
def test_counts_equal_the_published_ones(
    alpha: float, resolution: int, macs: int, weights: int
) -> None:
    """Tables 6, 7 and 9 of the paper, unrounded."""
    model = build("mobilenet_v1", {"alpha": alpha, "resolution": resolution})
    assert count_macs(model) == macs
    assert count_weights(model) == weights


def test_counts_without_classifier_equal_the_authors_code() -> None:
    """The table in the docstring of research/slim/nets/mobilenet_v1.py."""
    model = build("mobilenet_v1", {"classes": 1000})
    assert count_macs(model) - 1024 * 1000 == 567_716_352
    assert count_weights(model) - 1024 * 1000 == 3_185_088


def test_depth_is_never_below_eight() -> None:
    assert [depth(filters, 0.1) for filters in (32, 64, 128, 1024)] == [8, 8, 12, 102]


@pytest.mark.parametrize("resolution", [32, 33, 96, 101])
def test_padding_is_the_same_of_tensorflow(resolution: int) -> None:
    """Onnxruntime's own SAME_UPPER gives the same result as the pads written out."""
    model = build("mobilenet_v1", {"alpha": 0.1, "resolution": resolution, "classes": 7})
    other = onnx.ModelProto()
    other.CopyFrom(model)
    for node in other.graph.node:
        if node.op_type == "Conv":
            kept = [a for a in node.attribute if a.name != "pads"]
            del node.attribute[:]
            node.attribute.extend(kept)
            node.attribute.append(onnx.helper.make_attribute("auto_pad", "SAME_UPPER"))
    x = images(resolution, 2)
    np.testing.assert_allclose(run(model, x)["fc"], run(other, x)["fc"], rtol=1e-4, atol=1e-4)


def test_every_run_gives_the_same_bytes() -> None:
    script = (
        "import hashlib; from codegen.zoo import build;"
        "m = build('mobilenet_v1', {'alpha': 0.25, 'resolution': 64});"
        "print(hashlib.sha256(m.SerializeToString(deterministic=True)).hexdigest())"
    )
    digests = {
        subprocess.run(
            [sys.executable, "-c", script],
            env={"PYTHONHASHSEED": seed, "OMP_NUM_THREADS": threads, "PATH": ""},
            capture_output=True,
            check=True,
        ).stdout
        for seed, threads in (("0", "1"), ("7", "2"))
    }
    assert len(digests) == 1


@pytest.mark.parametrize(
    ("alpha", "resolution"), [(0.25, 96), (0.25, 224), (0.5, 128), (1.0, 64), (0.05, 32)]
)
def test_the_signal_lives_through_the_depth(alpha: float, resolution: int) -> None:
    model = build("mobilenet_v1", {"alpha": alpha, "resolution": resolution})
    onnx.checker.check_model(model, full_check=True)
    values = run(model, images(resolution, 16))
    for name, value in values.items():
        if name.endswith("_relu6"):
            channels = np.moveaxis(value, 1, 0).reshape(value.shape[1], -1)
            assert (channels.max(axis=1) == 0).mean() <= 0.05, f"{name} has dead channels"
            assert (value == 6).mean() < 0.15, f"{name} is saturated"
            assert 0.01 < (value == 0).mean() < 0.5
            assert value.std(axis=0).mean() > 0.1, f"{name} does not depend on the input"
    winners = values["probabilities"].argmax(axis=1)
    assert len(set(winners.tolist())) >= 4
    assert values["probabilities"].max(axis=1).min() > 0.02


def test_nodes_have_the_names_of_their_layers() -> None:
    model = build("mobilenet_v1", {"alpha": 0.25, "resolution": 32})
    names = [node.name for node in model.graph.node]
    convolutions = [node.name for node in model.graph.node if node.op_type == "Conv"]
    blocks = [f"{kind}{i}" for i in range(1, 14) for kind in ("dw", "pw")]
    assert convolutions == ["conv1", *blocks]
    assert len(set(names)) == len(names)
    assert {"conv1_bn", "conv1_relu6", "pool", "fc", "probabilities"} <= set(names)


def images(side: int, count: int) -> Array:
    """Colour gradients and checks in [-1, 1], (count, 3, side, side)."""
    y, x = np.mgrid[0:side, 0:side] / side
    found = []
    for index in range(count):
        waves = np.sin((index + 1) * 2 * x + index) * np.cos((index % 3 + 1) * 3 * y)
        checks = np.sign(np.sin(x * 7 * (index % 4 + 1)) * np.sin(y * 5 * (index // 2 + 1)))
        found.append([waves, checks * 0.5 + x * 0.5, y * 2 - 1 + 0.1 * index])
    return np.clip(np.array(found), -1, 1).astype(np.float32)


def run(model: onnx.ModelProto, x: Array) -> Mapping[str, Array]:
    """Return every tensor that onnxruntime computes."""
    probe = onnx.ModelProto()
    probe.CopyFrom(model)
    known = {value.name for value in model.graph.output}
    for node in model.graph.node:
        if node.op_type != "Constant" and node.output[0] not in known:
            probe.graph.output.append(onnx.ValueInfoProto(name=node.output[0]))
    session = onnxruntime.InferenceSession(
        probe.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, {"input": x}), strict=True))
