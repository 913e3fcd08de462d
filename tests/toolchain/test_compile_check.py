"""Strict warnings: clean C passes as C99 and C++17, each of a few lapses is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from codegen.toolchain import Compiler, Language, find_warnings, list_compilers
from tests.toolchain.toy_network import Network, mutated

compilers = pytest.mark.parametrize("compiler", list_compilers(), ids=lambda c: c.name)


@compilers
@pytest.mark.parametrize("language", ["c99", "c++17"])
def test_clean(toy: Network, compiler: Compiler, language: Language) -> None:
    if language == "c++17" and compiler.cxx is None:
        pytest.skip(f"the C++ compiler that belongs to {compiler.name} is absent")
    assert find_warnings(toy.folder, toy.interface, compiler, language) == ""


@compilers
@pytest.mark.parametrize(
    ("statement", "warning"),
    [
        ("int8_t narrow = toy_input(arena)[0] * 300; (void)narrow;", "conversion"),
        ("int32_t size = 4; int8_t row[size]; (void)row;", "vla"),
        ("int8_t *p = (int8_t *)toy_output(arena); (void)p;", "cast-qual"),
        ("{ int32_t arena = 0; (void)arena; }", "shadow"),
    ],
)
def test_lapses(
    toy: Network, tmp_path: Path, compiler: Compiler, statement: str, warning: str
) -> None:
    line = "    layer_001(arena);\n"
    bad = mutated(toy, tmp_path, line, f"{line}    {statement}\n")
    assert warning in find_warnings(bad.folder, bad.interface, compiler)


def test_the_self_test_is_compiled_too(toy: Network, tmp_path: Path) -> None:
    bad = mutated(toy, tmp_path, "    layer_001(arena);\n", "    layer_001(arena);\n")
    header = bad.folder / "toy_test.h"
    header.write_text(header.read_text().replace("static inline int toy_self_test", "int other"))
    for compiler in list_compilers():
        assert "toy_self_test" in find_warnings(bad.folder, bad.interface, compiler)
