"""Counting on the command line: `codegen report` without a target, from the structure alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from codegen.cli.console import stdout
from codegen.cli.joined import joined, option_names
from codegen.cli.model import assign_options, given_zoo_options, on_command_line, zoo_option_help
from codegen.cli.shapes import assign_shapes
from codegen.errors import BadOption
from codegen.options import c_identifier
from codegen.report.complexity import (
    ALPHA,
    MOBILE,
    RHO,
    RULES,
    Measure,
    count,
    find_rules,
    read_structure,
    split,
    study_block,
)
from codegen.report.complexity.console import (
    render_block,
    render_compare,
    render_complexity,
    render_split,
)
from codegen.report.complexity.to_json import (
    block_to_json,
    compare_to_json,
    complexity_to_json,
    split_to_json,
)
from codegen.sources import open_structure
from codegen.zoo.spec import write_spec

counting_options = joined(
    click.option(
        "--rules",
        type=click.Choice([rules.name for rules in RULES]),
        default=MOBILE.name,
        show_default=True,
        help="How to count; docs/counting.md states both.",
    ),
    click.option("--batch", type=click.IntRange(1), default=1, show_default=True, help="Inputs."),
    click.option(
        "--element-bits",
        type=click.IntRange(1, 64),
        help="Bits of an activation and a weight. Default 8; 32 by netscope's rules.",
    ),
    click.option("--compare", is_flag=True, help="Put several models side by side."),
    click.option("--split", is_flag=True, help="Rank the places to cut the network."),
    click.option("--block", metavar="LAYER", help="Study the block at a convolution."),
    click.option(
        "--block-alpha",
        type=float,
        default=ALPHA,
        show_default=True,
        help="Width multiplier of the block.",
    ),
    click.option(
        "--block-rho",
        type=float,
        default=RHO,
        show_default=True,
        help="Resolution multiplier of the block.",
    ),
)
"""Add the options that say what to count, and how."""
OPTIONS = option_names(counting_options)
"""What counting takes and measuring does not."""
SHARED = ("shape", "pdu", *zoo_option_help())
"""What both take: every other option of a model is of measuring alone."""


def report_counts(models: Sequence[str], as_json: bool, given: Mapping[str, Any]) -> None:
    """Print what models cost, their cuts, or one of their blocks."""
    _refuse_contradictions(models, given)
    measure = make_measure(given)
    assigned = tuple(assign_options(models, given_zoo_options(given)))
    names = [c_identifier(Path(name).stem) for name, _ in assigned]
    shapes = assign_shapes(given["shape"], names)
    structures = [
        read_structure(
            open_structure(model, options, shapes.get(name, {})),
            write_spec(Path(model).name, options),
        )
        for name, (model, options) in zip(names, assigned, strict=True)
    ]
    if given["compare"]:
        networks = [count(structure, measure) for structure in structures]
        _print(as_json, compare_to_json, render_compare, networks)
    elif given["split"]:
        _print(as_json, split_to_json, render_split, split(structures[0], measure))
    elif given["block"]:
        study = study_block(structures[0], given["block"], given["block_alpha"], given["block_rho"])
        _print(as_json, block_to_json, render_block, study)
    else:
        _print(as_json, complexity_to_json, render_complexity, count(structures[0], measure))


def make_measure(given: Mapping[str, Any]) -> Measure:
    """Return how to count, by the options."""
    rules = find_rules(given["rules"])
    return Measure(rules, given["batch"], given["element_bits"] or rules.bits, given["pdu"])


def _refuse_contradictions(models: Sequence[str], given: Mapping[str, Any]) -> None:
    """Raise BadOption where options do not go together."""
    measuring = on_command_line(name for name in given if name not in (*OPTIONS, *SHARED))
    if measuring:
        raise BadOption(
            f"{', '.join(measuring)}: counting needs no such thing",
            hint="name a --target to compile and measure the model",
        )
    views = on_command_line(("compare", "split", "block"))
    if len(views) > 1:
        raise BadOption(f"{' and '.join(views)} are different reports", hint="ask for one")
    if len(models) > 1 and not given["compare"]:
        raise BadOption("several models are given", hint="put them side by side with --compare")


def _print(
    as_json: bool,
    to_json: Callable[[Any], str],
    render: Callable[[Any, Any], None],
    content: object,
) -> None:
    if as_json:
        click.echo(to_json(content), nl=False)
    else:
        render(content, stdout())
