"""Kernels are chosen by what counts: estimates, or figures measured on the target."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from codegen.errors import BadOption
from codegen.ir.graph import Graph
from codegen.ir.op import Op, Signature
from codegen.ops import Conv2d
from codegen.options import Optimize
from codegen.schedule.assign import assign_kernels
from codegen.schedule.kernels import Choice, Rule, variants
from codegen.targets import load_target
from codegen.tune import Figures, cache_folder, make_choice
from tests.ops.harness import ARM_DSP, int8, linear_constants, op_graph

FIGURES = {
    "conv2d": Figures(900, 1000),
    "conv2d_by_tap": Figures(700, 1004),
    "conv2d_single": Figures(800, 1300),
}


def convolution() -> Graph:
    constants = linear_constants(np.random.default_rng(0), (5, 3, 3, 4), 0.05)
    return op_graph(Conv2d((1, 1), (1, 1, 1, 1)), [int8((4, 6, 4))], (0.3, -5), constants)


def told(optimize: Optimize) -> Choice:
    """A choice by known figures."""

    def cycles(rule: Rule, op: Op, signature: Signature) -> int:
        return FIGURES[rule.kernel.name].cycles

    def flash_bytes(rule: Rule, op: Op, signature: Signature) -> int:
        return FIGURES[rule.kernel.name].flash_bytes

    return Choice(optimize, cycles, flash_bytes, 1.01)


@pytest.mark.parametrize(
    ("optimize", "names"),
    [
        ("speed", ["conv2d", "conv2d_single"]),
        ("balanced", ["conv2d_by_tap", "conv2d_single"]),
        ("size", ["conv2d_by_tap", "conv2d_single"]),
    ],
)
def test_kernels_are_sorted_by_what_counts(optimize: Optimize, names: list[str]) -> None:
    graph = convolution()
    (node,) = graph.nodes
    found = variants(ARM_DSP, node.op, graph.signature(node), choice=told(optimize))
    assert [rule.kernel.name for rule in found] == names


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "codegen" / "tune"
    return cache_folder()


def test_figures_are_measured_once_and_remembered(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    graph, target = convolution(), load_target("cortex-m4")
    choice = make_choice(target, "speed", tune=True)
    (forms,) = assign_kernels(graph, target.kernels, choice=choice).variants
    assert [form.cycles for form in forms] == sorted(form.cycles for form in forms)
    files = sorted(cache.iterdir())
    assert len(files) >= 2
    assert all(file.suffix == ".json" for file in files)
    files[0].write_text("{", encoding="utf-8")

    runs = []
    measured = Figures(1, 1)
    monkeypatch.setattr("codegen.tune.run_alone", lambda *_: runs.append(1) or measured)
    again = make_choice(target, "speed", tune=True)
    assign_kernels(graph, target.kernels, choice=again)
    assert len(runs) == 1, "what cannot be read is measured again, and nothing else"
    assert len(list(cache.iterdir())) == len(files)


def test_a_cache_that_cannot_be_written_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    monkeypatch.setattr("codegen.tune.run_alone", lambda *_: Figures(1, 1))
    target = load_target("cortex-m4")
    choice = make_choice(target, "size", tune=False)
    assert assign_kernels(convolution(), target.kernels, choice=choice).steps


@pytest.mark.parametrize(("optimize", "tune"), [("balanced", True), ("size", False)])
def test_what_cannot_be_measured_is_refused(optimize: Optimize, tune: bool) -> None:
    with pytest.raises(BadOption, match="cannot be measured") as caught:
        make_choice(load_target("host"), optimize, tune=tune)
    assert "estimates" in str(caught.value)
