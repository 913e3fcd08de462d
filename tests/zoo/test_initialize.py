"""Seeded weights: alive at every depth, the same on every machine, and only where asked for."""

from __future__ import annotations

import json
import subprocess
import sys
import time

import numpy as np
import onnx
import pytest

from codegen.zoo import NETWORKS, build
from codegen.zoo.initialize import initialize
from tests.zoo.counting import infer_shapes
from tests.zoo.small import CASES, Case, case_name, make_images, run_all

each_case = pytest.mark.parametrize("case", CASES, ids=case_name)


@pytest.mark.parametrize("network", NETWORKS, ids=lambda network: network.name)
def test_structure_has_no_data_and_consistent_shapes(network) -> None:
    before = time.perf_counter()
    model = build(network.name, weights=False)
    assert time.perf_counter() - before < 1
    for tensor in model.graph.initializer:
        assert not (tensor.raw_data or tensor.float_data)
        assert min(tensor.dims) > 0
    names = [node.name for node in model.graph.node]
    assert len(set(names)) == len(names)
    shapes = infer_shapes(model)
    for node in model.graph.node:
        for output in node.output:
            assert 0 not in shapes[output], output


@each_case
def test_every_parameter_is_filled(case: Case) -> None:
    name, options = case
    structure, model = build(name, options, weights=False), build(name, options)
    onnx.checker.check_model(model, full_check=True)
    assert model.graph.node == structure.graph.node
    shapes = [(t.name, list(t.dims)) for t in structure.graph.initializer]
    assert [(t.name, list(t.dims)) for t in model.graph.initializer] == shapes
    for tensor in model.graph.initializer:
        assert np.isfinite(onnx.numpy_helper.to_array(tensor)).all()


@each_case
def test_every_layer_is_alive(case: Case) -> None:
    model = build(*case)
    x = make_images(model, 8)
    values = run_all(model, x)
    for name, value in values.items():
        spread = value.std(axis=0).mean() / (value.std() + 1e-9)
        assert spread > 0.07, f"{name} does not depend on the input"
        assert (value == 0).mean() < 0.65, f"{name} is dead"
        if name.endswith(("_relu", "_relu6")):
            channels = np.moveaxis(value, 1, 0).reshape(value.shape[1], -1)
            assert (channels.max(axis=1) == 0).mean() <= 0.2, f"{name} has dead channels"
    for output in model.graph.output:
        winners = values[output.name].argmax(axis=1)
        assert len(set(winners.ravel().tolist())) >= 3


SCRIPT = """
import hashlib, json, sys
from codegen.zoo import build
for name, options in json.loads(sys.argv[1]):
    data = build(name, options).SerializeToString(deterministic=True)
    print(name, hashlib.sha256(data).hexdigest())
"""
NETWORKS_OF_ALL_LAYERS = (
    ("squeezenet", {"bypass": "complex", "resolution": 48, "classes": 4}),
    ("mobilenet_v2", {"alpha": 0.1, "resolution": 32, "classes": 4}),
    ("shufflenet_v1", {"groups": 3, "scale": 0.25, "resolution": 32, "classes": 4}),
    ("deeplab_v3", {"alpha": 0.1, "depth": 8, "aspp": "yes", "resolution": 33}),
    ("resnet_cifar", {"depth": 20}),
)


def test_every_run_gives_the_same_bytes() -> None:
    digests = {
        subprocess.run(
            [sys.executable, "-c", SCRIPT, json.dumps(NETWORKS_OF_ALL_LAYERS)],
            env={"PYTHONHASHSEED": seed, "OPENBLAS_NUM_THREADS": threads, "PATH": ""},
            capture_output=True,
            check=True,
        ).stdout
        for seed, threads in (("0", "1"), ("7", "2"))
    }
    assert len(digests) == 1
    assert digests.pop().count(b"\n") == len(NETWORKS_OF_ALL_LAYERS)


def test_initializing_leaves_the_structure_as_it_was() -> None:
    structure = build("cifar10_cnn", weights=False)
    before = structure.SerializeToString(deterministic=True)
    assert initialize(structure) == build("cifar10_cnn")
    assert structure.SerializeToString(deterministic=True) == before
