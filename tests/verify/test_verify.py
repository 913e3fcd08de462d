"""Verification finds what differs, and says where."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from codegen.emit.folder import write_files
from codegen.errors import MissingTool
from codegen.ir.interface import Interface
from codegen.ir.types import Array
from codegen.options import Options
from codegen.pipeline import Compiled, compile_model
from codegen.quantize import graph_inputs
from codegen.targets import load_target
from codegen.verify import Inputs, Subject, make_inputs, measure_agreement, run_reference, study
from codegen.verify.agreement import top1_agreement
from codegen.verify.check import compare, run_on_host
from codegen.verify.locate import cut_after, locate
from tests.toy_model import write_toy


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Compiled:
    """The small model for Cortex-M4."""
    return compile_model(Options(str(write_toy(tmp_path_factory.mktemp("model"))), "cortex-m4"))


@pytest.fixture(scope="module")
def subject(compiled: Compiled, tmp_path_factory: pytest.TempPathFactory) -> Subject:
    """Its folder with six inputs."""
    folder = tmp_path_factory.mktemp("emitted")
    write_files(folder, compiled.files)
    samples = graph_inputs(compiled.network.graph, compiled.network.samples)
    inputs = make_inputs(compiled.network.graph, samples, 6)
    expected = run_reference(compiled.network.graph, inputs)
    return Subject(
        folder,
        compiled.program.interface,
        compiled.network.graph,
        compiled.network.target.kernels,
        inputs,
        expected,
    )


def test_inputs_start_with_the_most_telling(compiled: Compiled) -> None:
    samples = graph_inputs(compiled.network.graph, compiled.network.samples)
    inputs = make_inputs(compiled.network.graph, samples, 9)
    assert inputs.labels[:5] == (
        "sample 0",
        "random 0",
        "all least",
        "all greatest",
        "extremes in turn",
    )
    assert inputs.labels[5:] == ("sample 1", "random 1", "sample 2", "random 2")
    (array,) = inputs.arrays
    assert array.shape == (9, 6, 6, 2)
    assert np.array_equal(array[0], samples[0][0])
    assert set(array[2].flat) == {-128}
    assert set(array[3].flat) == {127}
    assert array[4].ravel()[:3].tolist() == [-128, 127, -128]


def test_inputs_follow_from_the_seed(compiled: Compiled) -> None:
    first, again, other = (make_inputs(compiled.network.graph, (), 8, seed) for seed in (1, 1, 2))
    assert first.labels[0] == "random 0"
    assert np.array_equal(first.arrays[0], again.arrays[0])
    assert not np.array_equal(first.arrays[0], other.arrays[0])


def test_host_and_targets_equal_the_reference(subject: Subject) -> None:
    targets = [load_target(name) for name in ("cortex-m4", "host", "rv32imc")]
    found = study(subject, targets)
    assert [check.place for check in found.checks] == ["host", "cortex-m4", "rv32imc"]
    assert all(check.equal for check in found.checks)
    assert [check.inputs for check in found.checks] == [6, 2, 2]
    assert all(run.facts.code_bytes > 0 and run.run.cost for run in found.runs)


def test_the_first_difference_is_named(subject: Subject) -> None:
    found = [array.copy() for array in subject.expected]
    found[0][3, 1] ^= 1
    found[0][4, 0] ^= 1
    check = compare("host", subject, found)
    assert check.difference is not None
    assert (check.difference.sample, check.difference.index) == ("all greatest", 1)
    assert check.difference.found == check.difference.expected ^ 1
    assert "output 'scores'[1]" in str(check.difference)


def test_a_piece_ends_with_the_layer(compiled: Compiled) -> None:
    for node in compiled.network.graph.nodes:
        piece = cut_after(compiled.network.graph, node)
        assert piece.outputs == (node.output,)
        assert piece.nodes[-1] is node
        assert piece.inputs == compiled.network.graph.inputs


def test_the_layer_at_fault_is_found(compiled: Compiled, subject: Subject) -> None:
    """A runner spoils all networks that hold a max pool, as a wrong kernel would."""

    def spoil(folder: Path, interface: Interface, inputs: Sequence[Array]) -> tuple[Array, ...]:
        outputs = run_on_host(folder, interface, inputs)
        text = (folder / f"{interface.name}.c").read_text(encoding="utf-8")
        return tuple(array ^ int("max_pool" in text) for array in outputs)

    sample = subject.inputs.first(1).arrays
    names = [node.loc.node for node in compiled.network.graph.nodes if node.op.name == "max_pool"]
    found = locate(compiled.network.graph, compiled.network.target.kernels, sample, spoil)
    assert found in (
        *names,
        *(n.output for n in compiled.network.graph.nodes if n.op.name == "max_pool"),
    )
    assert (
        locate(compiled.network.graph, compiled.network.target.kernels, sample, run_on_host) == ""
    )


def test_a_missing_tool_is_noted_or_raised(
    subject: Subject, monkeypatch: pytest.MonkeyPatch
) -> None:
    def absent(*args: object, **options: object) -> None:
        raise MissingTool("no compiler here")

    monkeypatch.setattr("codegen.verify.check.build_host", absent)
    found = study(subject, [], lenient=True)
    assert found.notes == ("host was not run: no compiler here",)
    assert found.checks == ()
    with pytest.raises(MissingTool):
        study(subject, [])


def test_agreement_counts_steps_and_top1(compiled: Compiled) -> None:
    found = measure_agreement(
        compiled.network.model, compiled.network.graph, compiled.network.samples, 10
    )
    assert found.samples == 10
    assert found.top1 is not None
    assert found.top1 >= 0.9
    assert 0 <= found.mean_difference_steps <= found.greatest_difference_steps <= 8


def test_top1_takes_any_of_several_greatest() -> None:
    expected = np.array([[5, 5, 1], [1, 2, 3], [9, 0, 0]])
    assert top1_agreement(np.array([[0, 1, 0], [0, 1, 0], [1, 0, 0]]), expected) == 0.6667
    assert top1_agreement(np.array([[1], [2]]), np.array([[1], [2]])) is None


def test_selecting_inputs_keeps_labels_and_arrays_together(subject: Subject) -> None:
    part: Inputs = subject.inputs.select(2, 4)
    assert part.labels == ("all least", "all greatest")
    assert len(part) == 2
    assert np.array_equal(part.arrays[0], subject.inputs.arrays[0][2:4])
    assert len(replace(subject, inputs=part).first(1).inputs) == 1
