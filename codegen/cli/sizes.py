"""Sizes on the command line: bytes, or multiples of 1024."""

from __future__ import annotations

import click

UNITS = {"": 1, "k": 1024, "m": 1024 * 1024}


def parse_size(value: str) -> int:
    """Return bytes from a number with an optional k or M (1024 or 1024 squared bytes)."""
    text = value.strip().lower().removesuffix("b")
    unit = text[-1:] if text[-1:] in ("k", "m") else ""
    digits = text.removesuffix(unit)
    if not digits.isdecimal() or int(digits) == 0:
        raise click.BadParameter(f"{value!r} is no size; give for example 65536 or 64k")
    return int(digits) * UNITS[unit]


def parse_flash(ctx: click.Context, param: click.Parameter, value: str | None) -> int | None:
    """Return the bytes of a size."""
    return None if value is None else parse_size(value)
