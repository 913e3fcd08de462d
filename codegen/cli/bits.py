"""The options that say how many bits weights have."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import click

from codegen.cli.joined import joined
from codegen.cli.per_layer import parse_per_layer
from codegen.cli.sizes import parse_flash
from codegen.errors import BadOption
from codegen.options import WIDTHS, Bits

AUTO = "auto"
EXAMPLE = "4, auto, or 4,conv1=8"


def parse_bits(ctx: click.Context, param: click.Parameter, value: str | None) -> Bits | None:
    """Return bits from WIDTH, LAYER=WIDTH or several of them with commas between."""
    if value is None:
        return None
    width, layers = parse_per_layer(value, f"{AUTO}|{'|'.join(map(str, WIDTHS))}", EXAMPLE)
    if AUTO in layers.values():
        raise click.BadParameter(f"{value!r}: auto is for all layers; give for example {EXAMPLE}")
    bits = {name: int(own) for name, own in layers.items()}
    return Bits(int(width) if width not in (AUTO, None) else WIDTHS[0], width == AUTO, bits)


def parse_sqnr(ctx: click.Context, param: click.Parameter, value: str | None) -> float | None:
    """Return decibels from a number, with or without dB after it."""
    if value is None:
        return None
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(?:db)?", value.strip(), re.IGNORECASE)
    if not found:
        raise click.BadParameter(f"{value!r} is no ratio; give for example 20dB")
    return float(found[1])


bits_options = joined(
    click.option(
        "--bits",
        metavar="WIDTH|auto[,LAYER=WIDTH...]",
        callback=parse_bits,
        help="Bits of weights, of all layers or of those named: 8, 4, 2 or 1; auto: chosen"
        " for each layer. Default: 8; auto with --flash or --sqnr.",
    ),
    click.option(
        "--flash",
        metavar="SIZE",
        callback=parse_flash,
        help="Choose bits: those of least noise with which code and constants take no more"
        " flash than this, such as 200k.",
    ),
    click.option(
        "--sqnr",
        metavar="DB",
        callback=parse_sqnr,
        help="Choose bits, of weights unless --activations auto: as few as keep this ratio"
        " of signal to noise at the outputs, such as 20dB.",
    ),
)
"""The options."""


def chosen_bits(given: Mapping[str, Any]) -> Bits:
    """Return the bits that the options ask for; BadOption where they contradict each other."""
    goals = [f"--{name}" for name in ("flash", "sqnr") if given[name] is not None]
    bits: Bits | None = given["bits"]
    if len(goals) > 1:
        raise BadOption(
            "--flash and --sqnr: bits are chosen to keep one of them", hint="leave one out"
        )
    are_values_chosen = given["activations"] == "auto"
    if are_values_chosen and given["flash"] is not None:
        raise BadOption(
            "--activations auto keeps a ratio of signal to noise, and --flash gives none",
            hint="--sqnr, or --activations int8",
        )
    if bits is None:
        return Bits(auto=bool(goals) and not are_values_chosen)
    if goals and not (bits.auto or are_values_chosen):
        raise BadOption(
            f"{goals[0]} chooses bits, and --bits gives them",
            hint="--bits auto, or auto with the bits of some layers: --bits auto,conv1=8",
        )
    return bits
