"""Rules of the repository that no compiler checks: imports, file lengths, templates."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ORDER = (
    ("errors", "resources", "progress", "options"),
    ("ir",),
    ("ops",),
    ("ir.text",),
    ("targets",),
    ("frontend", "zoo"),
    ("sources",),
    ("passes",),
    ("quantize",),
    ("export",),
    ("schedule",),
    ("check",),
    ("plan",),
    ("lower",),
    ("emit",),
    ("toolchain",),
    ("tune",),
    ("verify",),
    ("report",),
    ("remedies", "requests"),
    ("pipeline",),
    ("project", "dataflow"),
    ("accuracy", "bench", "conformance", "synthesis"),
    ("cli",),
)
"""From left to right: a part imports from its own and from those before it.

The text form of graphs names operators, so it stands to the right of them.
"""
APART = ("ir.text",)
EXCEPTIONS = {("ir/graph.py", "ir.text")}
"""`str(graph)` is its text form."""
RANK = {part: rank for rank, parts in enumerate(ORDER) for part in parts}
MAX_LINES = 500
TEMPLATES = sorted((ROOT / "templates").rglob("*.j2"))


def modules() -> list[Path]:
    return sorted((ROOT / "codegen").rglob("*.py"))


def part_of(path: Path) -> str:
    return part_of_module(".".join(path.relative_to(ROOT / "codegen").with_suffix("").parts))


def part_of_module(name: str) -> str:
    """Return the part that a module belongs to; the name is that below codegen."""
    return name if name in APART else name.partition(".")[0]


def imported_parts(path: Path) -> Iterator[str]:
    """Yield the part of codegen that each import statement names, those in functions too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module == "codegen":
            names = [f"codegen.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        else:
            continue
        for name in names:
            first, _, rest = name.partition(".")
            if first == "codegen" and not rest.startswith("__"):
                yield part_of_module(rest)


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_left_only(path: Path) -> None:
    if path == ROOT / "codegen" / "__init__.py":
        assert not list(imported_parts(path))
        return
    file = str(path.relative_to(ROOT / "codegen"))
    for part in {part for part in imported_parts(path) if (file, part) not in EXCEPTIONS}:
        assert RANK[part] <= RANK[part_of(path)], f"{path.name} imports codegen.{part}"


def test_the_zoo_imports_nothing_but_errors() -> None:
    for path in (ROOT / "codegen" / "zoo").glob("*.py"):
        assert set(imported_parts(path)) <= {"errors", "zoo"}


def test_every_part_has_a_place() -> None:
    found = {part_of(path) for path in modules()} - {"__init__"}
    assert found == RANK.keys()


def test_no_python_file_is_long() -> None:
    paths = [*modules(), *(ROOT / "tests").rglob("*.py")]
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in paths}
    assert {path for path, lines in lengths.items() if lines > MAX_LINES} == set()


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.relative_to(ROOT)))
def test_templates_obey_the_rules(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.startswith("{#"), "the first line is a Jinja comment that says what this makes"
    for forbidden in ("{%-", "-%}", "{{-", "-}}", "{{{"):
        assert forbidden not in text
    for line in text.splitlines():
        if "{%" in line:
            assert re.fullmatch(r"\{% .* %\}", line), f"statements stand alone at column 0: {line}"


@pytest.mark.parametrize(
    "path",
    [path for path in TEMPLATES if "kernels" in path.parts],
    ids=lambda path: str(path.relative_to(ROOT)),
)
def test_kernel_templates_are_short(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 80
