"""codegen zoo: the list of networks, and one as a file."""

from __future__ import annotations

import json
from pathlib import Path

import onnx

from codegen import zoo
from tests.cli.conftest import Run

SMALL = ("mobilenet_v1", "--alpha", "0.1", "--resolution", "32", "--classes", "5")


def test_all_networks_are_listed_with_their_options(run: Run) -> None:
    shown = run("zoo").stdout
    found = {network["name"]: network for network in json.loads(run("zoo", "--json").stdout)}
    assert list(found) == [network.name for network in zoo.NETWORKS]
    for network in zoo.NETWORKS:
        assert network.name in shown
        options = found[network.name]["options"]
        assert [option["name"] for option in options] == [o.name for o in network.options]
        for option in options:
            assert f"--{option['name'].replace('_', '-')} " in shown
            assert option["values"] and option["help"]


def test_a_network_is_exported(run: Run, tmp_path: Path) -> None:
    result = run("zoo", "export", *SMALL, "-o", "small.onnx")
    assert result.exit_code == 0, result.stderr
    expected = zoo.build("mobilenet_v1", {"alpha": 0.1, "resolution": 32, "classes": 5})
    assert onnx.load(tmp_path / "small.onnx") == expected
    assert [path.name for path in tmp_path.iterdir()] == ["small.onnx"]


def test_words_and_dashes_reach_the_zoo(run: Run, tmp_path: Path) -> None:
    given = ("--bypass", "simple", "--conv10-pad", "1", "--resolution", "48", "--classes", "3")
    result = run("zoo", "export", "squeezenet", *given, "-o", "s.onnx")
    assert result.exit_code == 0, result.stderr
    nodes = {node.name: node for node in onnx.load(tmp_path / "s.onnx").graph.node}
    assert {"fire3_add", "fire5_add", "fire7_add", "fire9_add"} <= nodes.keys()
    pads = {attribute.name: attribute for attribute in nodes["conv10"].attribute}["pads"]
    assert list(pads.ints) == [1, 1, 1, 1]


def test_given_weights_are_exported(run: Run, tmp_path: Path) -> None:
    run("zoo", "export", *SMALL, "-o", "a.onnx")
    assert run("zoo", "export", *SMALL, "--weights", "a.onnx", "-o", "b.onnx").exit_code == 0
    assert (tmp_path / "a.onnx").read_bytes() == (tmp_path / "b.onnx").read_bytes()


def test_a_file_is_not_replaced_unasked(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a.onnx").write_text("mine")
    result = run("zoo", "export", *SMALL, "-o", "a.onnx")
    assert result.exit_code != 0
    assert "--force" in result.stderr
    assert (tmp_path / "a.onnx").read_text() == "mine"
    assert run("zoo", "export", *SMALL, "-o", "a.onnx", "--force").exit_code == 0


def test_what_cannot_be_exported_is_told(run: Run, tmp_path: Path) -> None:
    assert "no/a.onnx" in run("zoo", "export", *SMALL, "-o", "no/a.onnx").stderr
    assert (
        "one of none, simple"
        in run("zoo", "export", "squeezenet", "--bypass", "odd", "-o", "a.onnx").stderr
    )
    assert "no network 'lenet'" in run("zoo", "export", "lenet", "-o", "a.onnx").stderr
    assert not list(tmp_path.iterdir())
