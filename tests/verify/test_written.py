"""A folder's C is compared with its plan: each number that is changed in either is found."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from codegen.emit import Golden, emit
from codegen.emit.folder import write_files
from codegen.errors import UnreadableFile, VerificationFailed
from codegen.ir.certificate import Certificate
from codegen.ir.interface import Interface
from codegen.lower import certify, lower
from codegen.plan import make_plan
from codegen.schedule.assemble import assemble
from codegen.schedule.assign import assign_kernels
from codegen.verify import check_written
from tests.ops.harness import GENERIC
from tests.verify.test_tokens import residual

PLACES = re.compile(
    r"int8_t \*const \w+ = arena \+ \d+;|\b[xy]\d? \+ \(\(?row[^,;]*|fx_rows\(\w+_rows, [^;]*;|"
    r"if \(\(?done_[^{]*\{|return \((?:const )?int8_t \*\)arena \+ \d+;"
)


@pytest.fixture(scope="module")
def emitted(
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Path, Interface, Certificate]:
    """A network all of whose layers run in one nest."""
    assigned = assign_kernels(residual(), GENERIC)
    schedule = assemble(assigned, (0, len(assigned.steps)))
    plan = make_plan(schedule)
    program = lower(schedule, plan, "net", target="test", model="test", digest="0" * 8)
    folder = tmp_path_factory.mktemp("emitted")
    write_files(folder, emit((program,), (Golden((), ()),)))
    return folder, program.interface, certify(program, schedule, plan)


def test_what_was_emitted_agrees(emitted: tuple[Path, Interface, Certificate]) -> None:
    check_written(*emitted)


def test_each_number_that_is_changed_in_the_c_is_found(
    emitted: tuple[Path, Interface, Certificate],
) -> None:
    folder, interface, certificate = emitted
    path = folder / "net.c"
    text = path.read_text(encoding="utf-8")
    spots = [
        (found.start() + number.start(), found.start() + number.end())
        for found in PLACES.finditer(text)
        for number in re.finditer(r"\b\d+", found[0])
    ]
    assert len(spots) > 50
    try:
        for first, end in spots:
            changed = f"{text[:first]}{int(text[first:end]) + 1}{text[end:]}"
            path.write_text(changed, encoding="utf-8")
            with pytest.raises(VerificationFailed, match="differ"):
                check_written(folder, interface, certificate)
    finally:
        path.write_text(text, encoding="utf-8")


def test_a_layer_that_is_gone_is_found(emitted: tuple[Path, Interface, Certificate]) -> None:
    folder, interface, certificate = emitted
    path = folder / "net.c"
    text = path.read_text(encoding="utf-8")
    try:
        path.write_text(text.replace("layer_002(", "layer_x(", 1), encoding="utf-8")
        with pytest.raises(VerificationFailed, match="there is no layer_002"):
            check_written(folder, interface, certificate)
        path.unlink()
        with pytest.raises(UnreadableFile, match="cannot read"):
            check_written(folder, interface, certificate)
    finally:
        path.write_text(text, encoding="utf-8")
