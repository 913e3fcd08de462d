"""Line breaks in emitted C: names differ in length, so parameter lists wrap after rendering."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

COLUMNS = 100


def wrap_lists(text: str) -> str:
    r"""Rewrap every call or signature: within 100 columns, aligned under its open bracket.

    Comments, preprocessor lines and assembly stay as they are.

    >>> print(wrap_lists("static void f(int a,\n    int b)\n{\n}"))
    static void f(int a, int b)
    {
    }
    """
    return "\n".join(_lines(text.split("\n")))


def _lines(lines: list[str]) -> Iterator[str]:
    kept_until = ""
    pending = ""
    for line in lines:
        kept_until = kept_until or _end_of_kept(line)
        if kept_until or line.startswith("#"):
            yield line
            kept_until = "" if kept_until in line else kept_until
            continue
        pending = f"{pending} {line.lstrip()}" if pending else line
        if pending.count("(") > pending.count(")"):
            continue
        yield wrap(pending)
        pending = ""


def _end_of_kept(line: str) -> str:
    """Return what ends the comment or the assembly that begins with a line, "" if none does."""
    start = line.lstrip()
    return "*/" if start.startswith("/*") else ";" if start.startswith("__asm__") else ""


def wrap(line: str) -> str:
    """Break one statement in its outermost brackets, at commas or `&&`, where it is too long."""
    start = line.find("(") + 1
    if len(line) <= COLUMNS or not start:
        return line
    pieces = list(_split(line, start))
    found = [pieces[0]]
    for piece in pieces[1:]:
        if len(found[-1]) + 1 + len(piece) <= COLUMNS:
            found[-1] += f" {piece}"
        else:
            found.append(" " * start + piece)
    return "\n".join(found)


def _split(line: str, start: int) -> Iterator[str]:
    """Cut a line after each comma and `&&` at bracket depth one."""
    depth, begin = 0, 0
    for i, char in enumerate(line):
        depth += (char == "(") - (char == ")")
        if (char == "," or line[i - 1 : i + 1] == "&&") and depth == 1 and i >= start:
            yield line[begin : i + 1].lstrip() if begin else line[: i + 1]
            begin = i + 1
    yield line[begin:].lstrip() if begin else line


def comment_block(lines: Sequence[str]) -> tuple[str, ...]:
    """Return lines as one C comment, wrapped where they are too long.

    >>> comment_block(["one", "two"]), comment_block(["one"])
    (('/* one', '   two */'), ('/* one */',))
    """
    texts = [part for line in lines for part in textwrap.wrap(comment_text(line), COLUMNS - 6)]
    found = [f"   {text}" for text in texts]
    found[0] = f"/* {texts[0]}"
    return (*found[:-1], f"{found[-1]} */")


def comment_text(text: str) -> str:
    """Return text that can stand in a C comment."""
    printable = "".join(c if 32 <= ord(c) < 127 else "_" for c in text)
    return printable.replace("*/", "*_").replace("/*", "_*")
