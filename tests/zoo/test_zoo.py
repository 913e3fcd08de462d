"""build and load_weights: what they accept, and what they say when they cannot."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from codegen.errors import BadOption, UnknownName, UnreadableFile
from codegen.zoo import NETWORKS, Network, build, load_weights

DOCS = Path(__file__).resolve().parents[2] / "docs" / "zoo.md"

SMALL = {"alpha": 0.1, "resolution": 32, "classes": 5}


@pytest.fixture(scope="module")
def small() -> onnx.ModelProto:
    return build("mobilenet_v1", SMALL)


@pytest.fixture
def arrays(small: onnx.ModelProto) -> dict[str, np.ndarray]:
    return {t.name: numpy_helper.to_array(t) + 1 for t in small.graph.initializer}


@pytest.mark.parametrize("network", NETWORKS, ids=lambda network: network.name)
def test_every_network_says_what_it_is(network: Network) -> None:
    assert network.title and network.paper
    for option in network.options:
        assert option.help
        assert option.parse(option.default) == option.default
        assert option.parse(str(option.default)) == option.default


@pytest.mark.parametrize("network", NETWORKS, ids=lambda network: network.name)
def test_every_network_is_documented(network: Network) -> None:
    options = ", ".join(f"`{option.name}`" for option in network.options)
    row = f"| `{network.name}` | {network.title} | {network.paper} | {options} |"
    assert row in DOCS.read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("squeezenet", {"bypass": "odd"}),
        ("squeezenet", {"version": 1.2}),
        ("shufflenet_v1", {"groups": 5}),
        ("resnet_cifar", {"depth": "twenty"}),
    ],
)
def test_a_choice_lists_what_it_can_be(name: str, options: Mapping[str, object]) -> None:
    with pytest.raises(BadOption, match=r"is one of \w.*, got"):
        build(name, options)


def test_equal_option_names_have_equal_types() -> None:
    types = {}
    for network in NETWORKS:
        for option in network.options:
            assert types.setdefault(option.name, option.type) is option.type


def test_defaults_are_those_of_the_options() -> None:
    model = build("mobilenet_v1", weights=False)
    (image,), (scores,) = model.graph.input, model.graph.output
    assert [d.dim_value for d in image.type.tensor_type.shape.dim[1:]] == [3, 224, 224]
    assert [d.dim_value for d in scores.type.tensor_type.shape.dim[1:]] == [1000]


def test_options_may_be_text(small: onnx.ModelProto) -> None:
    text = build("mobilenet_v1", {key: str(value) for key, value in SMALL.items()})
    assert text == small


def test_an_unknown_network_lists_those_there_are() -> None:
    with pytest.raises(UnknownName, match=r"no network 'resnet'[\s\S]*mobilenet_v1"):
        build("resnet")


def test_all_bad_options_are_named_at_once() -> None:
    bad = {"alpha": -1, "resolution": "12.5", "classes": float("nan"), "width": 3}
    with pytest.raises(BadOption) as caught:
        build("mobilenet_v1", bad)
    text = str(caught.value)
    assert "no option 'width'" in text
    assert "alpha is a number from 0.001 to 8.0, got -1" in text
    assert "resolution is an integer from 32 to 4096, got '12.5'" in text
    assert "classes is an integer from 2 to 65536, got nan" in text


@pytest.mark.parametrize("alpha", ["inf", "nan", "", "0", 1e9])
def test_alpha_is_a_finite_positive_number(alpha: object) -> None:
    with pytest.raises(BadOption):
        build("mobilenet_v1", {"alpha": alpha})


def test_weights_from_npz(
    small: onnx.ModelProto, arrays: dict[str, np.ndarray], tmp_path: Path
) -> None:
    before = small.SerializeToString(deterministic=True)
    np.savez(tmp_path / "w.npz", **arrays)
    loaded = load_weights(small, tmp_path / "w.npz")
    for tensor in loaded.graph.initializer:
        np.testing.assert_array_equal(numpy_helper.to_array(tensor), arrays[tensor.name])
    assert small.SerializeToString(deterministic=True) == before
    assert loaded.graph.node == small.graph.node


def test_weights_from_onnx(small: onnx.ModelProto, tmp_path: Path) -> None:
    onnx.save(small, tmp_path / "w.onnx")
    assert load_weights(small, tmp_path / "w.onnx") == small


def test_all_misfits_are_named_at_once(
    small: onnx.ModelProto, arrays: dict[str, np.ndarray], tmp_path: Path
) -> None:
    del arrays["fc_bias"]
    arrays["fc_weights"] = arrays["fc_weights"].T
    arrays["pw1_bn_var"] = np.full_like(arrays["pw1_bn_var"], np.nan)
    arrays["conv9_weights"] = np.zeros(3, np.float32)
    np.savez(tmp_path / "w.npz", **arrays)
    with pytest.raises(BadOption) as caught:
        load_weights(small, tmp_path / "w.npz")
    text = str(caught.value)
    assert "lacks the floating-point array 'fc_bias' of shape (5,)" in text
    assert "'fc_weights' has shape (102, 5), expected (5, 102)" in text
    assert "'pw1_bn_var' holds NaN or infinity" in text
    assert "'conv9_weights' is not a parameter of mobilenet_v1" in text
    assert len(caught.value.problems) == 4


@pytest.mark.parametrize("name", ["w.npz", "w.onnx", "w.txt", "absent.npz", "absent.onnx"])
def test_unreadable_weights(small: onnx.ModelProto, tmp_path: Path, name: str) -> None:
    if not name.startswith("absent"):
        (tmp_path / name).write_bytes(b"not what the name says")
    with pytest.raises(UnreadableFile, match=name):
        load_weights(small, tmp_path / name)
