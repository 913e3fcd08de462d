"""The options that make weights fewer, or fewer different ones."""

from __future__ import annotations

import click

from codegen.cli.bits import parse_sqnr
from codegen.cli.joined import joined
from codegen.cli.per_layer import parse_per_layer
from codegen.options import PerLayer


def parse_density(ctx: click.Context, param: click.Parameter, value: str | None) -> PerLayer:
    """Return parts of weights, above 0 and at most 1."""
    found = _numbers(value, r"1(?:\.0+)?|0?\.[0-9]+", "0.3, or 0.3,conv1=1")
    if 0 in (found.every, *found.layers.values()):
        raise click.BadParameter("a density is more than 0; give for example 0.3")
    return found


def parse_codebook(ctx: click.Context, param: click.Parameter, value: str | None) -> PerLayer:
    """Return bits of indices."""
    return _numbers(value, "[2-8]", "6, or 6,conv1=8")


def _numbers(value: str | None, pattern: str, example: str) -> PerLayer:
    if value is None:
        return PerLayer()
    every, layers = parse_per_layer(value, pattern, example)
    general = None if every is None else float(every)
    return PerLayer(general, {name: float(own) for name, own in layers.items()})


compression_options = joined(
    click.option(
        "--density",
        metavar="PART[,LAYER=PART...]",
        callback=parse_density,
        help="Make weights zero but for this part of all, or of the layers named; those that"
        " stay are fitted to the samples of --calibrate.",
    ),
    click.option(
        "--codebook",
        metavar="BITS[,LAYER=BITS...]",
        callback=parse_codebook,
        help="Let each layer share few weights, told apart by indices of 2 to 8 bits.",
    ),
    click.option(
        "--low-rank",
        metavar="DB",
        callback=parse_sqnr,
        help="Make dense layers and 1x1 convolutions two of fewer weights, where their results"
        " keep this ratio of signal to noise, such as 25dB.",
    ),
)
"""The options."""
