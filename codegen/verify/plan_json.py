"""The certificate as JSON, schema "codegen.plan/1": written for reading, read back strictly."""

from __future__ import annotations

import json
import types
from collections.abc import Hashable, Iterator
from dataclasses import asdict, is_dataclass
from functools import cache
from pathlib import Path
from typing import Any, cast, get_args, get_origin, get_type_hints

from codegen.errors import UnreadableFile
from codegen.ir.certificate import Certificate
from codegen.ir.interface import Interface

PLAN_FILE = "plan.json"
SCHEMA = "codegen.plan/1"
COLUMNS = 100


def plan_file(interface: Interface) -> str:
    """Return the name of the file with the plan; networks of one library have one each."""
    return f"{interface.prefix}{PLAN_FILE}"


def plan_to_json(certificate: Certificate) -> str:
    """Return the certificate as JSON text; equal certificates give equal bytes."""
    return "\n".join(_lines({"schema": SCHEMA, **asdict(certificate)}, "", "")) + "\n"


def load_plan(path: Path) -> Certificate:
    """Read a plan.json; UnreadableFile if it is not one of this schema."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UnreadableFile(
            f"cannot read {path}: {error}", hint="give a folder that `codegen emit` wrote"
        ) from error
    return parse_plan(text, str(path))


def parse_plan(text: str, name: str = PLAN_FILE) -> Certificate:
    """Return the certificate of a JSON text; UnreadableFile names the key at fault."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UnreadableFile(f"{name} is not JSON: {error}") from error
    if not isinstance(document, dict) or document.get("schema") != SCHEMA:
        raise UnreadableFile(f"{name} is not a memory plan of schema {SCHEMA}")
    try:
        certificate: Certificate = _decode(Certificate, document, "")
    except ValueError as error:
        raise UnreadableFile(f"{name} lacks or contradicts what {SCHEMA} asks: {error}") from error
    return certificate


def _lines(item: Any, indent: str, key: str) -> Iterator[str]:
    """Yield the lines of a JSON value: on one line where that fits, else a part a line."""
    whole = f"{indent}{key}{json.dumps(item)}"
    if len(whole) < COLUMNS or not isinstance(item, dict | list | tuple) or not item:
        yield whole
        return
    if not isinstance(item, dict) and all(_is_flat(part) for part in item):
        yield from _filled(item, indent, key)
        return
    opening, closing = "{}" if isinstance(item, dict) else "[]"
    yield f"{indent}{key}{opening}"
    parts = item.items() if isinstance(item, dict) else (("", part) for part in item)
    for index, (name, part) in enumerate(parts):
        lines = list(_lines(part, indent + "  ", f"{json.dumps(name)}: " if name else ""))
        yield from lines[:-1]
        yield lines[-1] + ("," if index + 1 < len(item) else "")
    yield f"{indent}{closing}"


def _is_flat(item: Any) -> bool:
    """A number, a text, or a short list of numbers."""
    if isinstance(item, list | tuple):
        return all(isinstance(part, int) for part in item)
    return not isinstance(item, dict)


def _filled(items: list[Any] | tuple[Any, ...], indent: str, key: str) -> Iterator[str]:
    """Yield a list of small parts with as many of them on a line as fit."""
    yield f"{indent}{key}["
    line = indent + " "
    for index, item in enumerate(items):
        text = json.dumps(item) + ("," if index + 1 < len(items) else "")
        if len(line) + 1 + len(text) > COLUMNS and line.strip():
            yield line
            line = indent + " "
        line += f" {text}"
    yield line
    yield f"{indent}]"


def _decode(kind: Any, item: Any, where: str) -> Any:
    if is_dataclass(kind) and isinstance(kind, type):
        return _decode_object(kind, item, where)
    options = get_args(kind)
    if get_origin(kind) is types.UnionType:
        present = next(option for option in options if option is not type(None))
        return None if item is None else _decode(present, item, where)
    if get_origin(kind) is tuple:
        return _decode_list(options, item, where)
    if type(item) is not kind:
        raise ValueError(f"{where} is no {kind.__name__}")
    if kind is int and abs(item) >= 2**48:
        raise ValueError(f"{where} is too large")
    return item


def _decode_object(kind: type[Any], item: Any, where: str) -> Any:
    if not isinstance(item, dict):
        raise ValueError(f"{where or 'it'} is no object")
    hints = _fields(cast(Hashable, kind))
    absent = [name for name in hints if name not in item]
    if absent:
        raise ValueError(f"{where or 'it'} has no {absent[0]}")
    prefix = f"{where}." if where else ""
    return kind(**{name: _decode(hints[name], item[name], prefix + name) for name in hints})


@cache
def _fields(kind: type[Any]) -> dict[str, Any]:
    """Return the type of each field of a dataclass."""
    return get_type_hints(kind)


def _decode_list(options: tuple[Any, ...], item: Any, where: str) -> tuple[Any, ...]:
    if not isinstance(item, list):
        raise ValueError(f"{where} is no list")
    if options[-1] is Ellipsis:
        return tuple(_decode(options[0], x, f"{where}[{i}]") for i, x in enumerate(item))
    if len(item) != len(options):
        raise ValueError(f"{where} has not {len(options)} parts")
    pairs = zip(options, item, strict=True)
    return tuple(_decode(kind, x, f"{where}[{i}]") for i, (kind, x) in enumerate(pairs))
