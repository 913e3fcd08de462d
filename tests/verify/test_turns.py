"""Networks in turn in one arena: what one leaves must not matter, and is seen where it does."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from codegen.emit.folder import write_files
from codegen.errors import MissingTool
from codegen.ir.interface import Interface
from codegen.ir.memory import FASTEST
from codegen.ir.types import Array
from codegen.options import Options
from codegen.pipeline import compile_bundle, quantize_model
from codegen.project import make_subject
from codegen.targets import load_target
from codegen.verify import Subject, study_turns
from codegen.verify.turns import compare_turns
from tests.toy_model import write_sibling, write_toy


@pytest.fixture(scope="module")
def subjects(tmp_path_factory: pytest.TempPathFactory) -> list[Subject]:
    """Two networks of one library with three inputs each."""
    folder = tmp_path_factory.mktemp("bundle")
    models = (write_toy(folder), write_sibling(folder))
    networks = [quantize_model(Options(str(model), "cortex-m4")) for model in models]
    compiled = compile_bundle("pair", networks, FASTEST)
    write_files(folder, compiled[0].files)
    return [make_subject(network, folder, 3) for network in compiled]


def test_turns_equal_the_reference_on_host_and_targets(subjects: list[Subject]) -> None:
    found = study_turns(subjects, [load_target(name) for name in ("cortex-m4", "rv32imc")])
    assert [check.place for check in found.checks] == ["host", "cortex-m4", "rv32imc"]
    for check in found.checks:
        assert check.equal
        assert check.networks == ("toy", "sibling", "toy")
        assert (check.inputs, check.compared_bytes) == (3, 3 + 5 + 3)
    assert [facts.ram_bytes for facts in found.facts] == [0, 0]
    assert {"toy_invoke", "sibling_invoke"} <= set(found.facts[0].defined)


def test_one_network_has_no_turns(subjects: list[Subject]) -> None:
    assert study_turns(subjects[:1], [load_target("cortex-m4")]).checks == ()


def test_what_another_network_left_is_seen_where_it_matters(subjects: list[Subject]) -> None:
    """A runner that stands for C whose second network spoils a byte the first relies on."""
    expected = {s.interface.name: s for s in subjects}
    used: list[tuple[str, int]] = []

    def run(interface: Interface, inputs: Sequence[Array], arena: Array) -> tuple[Array, ...]:
        subject = expected[interface.name]
        index = next(i for i, x in enumerate(subject.inputs.arrays[0]) if (x == inputs[0]).all())
        used.append((interface.name, index))
        stale = int(arena[0] == 99)
        arena[0] = 99 if interface.name == "sibling" else 0
        return tuple(array[index : index + 1] ^ stale for array in subject.expected)

    check = compare_turns("host", subjects, run)
    assert used == [("toy", 0), ("sibling", 1), ("toy", 2)]
    assert check.difference is not None
    assert check.difference.sample.endswith("of toy after sibling")
    assert check.difference.output == "scores"


def test_a_missing_tool_is_noted_or_raised(
    subjects: list[Subject], monkeypatch: pytest.MonkeyPatch
) -> None:
    def absent(*_: object) -> None:
        raise MissingTool("no compiler here")

    monkeypatch.setattr("codegen.verify.turns.build_host", absent)
    assert study_turns(subjects, [], lenient=True).notes == ("host was not run: no compiler here",)
    with pytest.raises(MissingTool):
        study_turns(subjects, [])
