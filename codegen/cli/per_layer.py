"""Options that take something for all layers, for some that are named, or both."""

from __future__ import annotations

import re

import click


def parse_per_layer(value: str, pattern: str, example: str) -> tuple[str | None, dict[str, str]]:
    """Return what stands for all layers, and what for each, in VALUE,LAYER=VALUE,...

    All must match the regular expression. Names of layers may have commas in them.

    >>> parse_per_layer("0.5,conv,1=0.2,out=1", r"[0-9.]+", "")
    ('0.5', {'conv,1': '0.2', 'out': '1'})
    """
    end = "(?:,(?=.)|$)"
    part = re.compile(rf"(?P<every>{pattern}){end}|(?P<layer>[^=]+)=(?P<own>{pattern}){end}")
    every: str | None = None
    layers: dict[str, str] = {}
    at = 0
    while at < len(value) or not at:
        found = part.match(value, at)
        if found is None or found["layer"] in layers or (found["every"] and every):
            raise click.BadParameter(f"{value!r} is no such list; give for example {example}")
        if found["layer"] is None:
            every = found["every"]
        else:
            layers[found["layer"]] = found["own"]
        at = found.end()
    return every, layers
