"""MobileNet v1: the padding, and a signal that lives through the depth."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import onnx
import pytest

from codegen.ir.types import Array
from codegen.zoo import build
from codegen.zoo.mobilenet_v1 import depth
from tests.zoo.counting import count_macs, count_weights
from tests.zoo.small import run_all


def test_counts_without_classifier_equal_the_authors_code() -> None:
    """The table in the docstring of research/slim/nets/mobilenet_v1.py."""
    model = build("mobilenet_v1", {"classes": 1000}, weights=False)
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
    np.testing.assert_allclose(
        run_all(model, x)["fc"], run_all(other, x)["fc"], rtol=1e-4, atol=1e-4
    )


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
    values = run_all(model, images(resolution, 16))
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
