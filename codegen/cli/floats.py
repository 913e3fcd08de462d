"""The option of commands on a model that lets layers compute in floats."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, get_args

import click

from codegen.options import FloatOps

F = TypeVar("F", bound=Callable[..., Any])


def float_option(command: F) -> F:
    """Add the option."""
    return click.option(
        "--float-ops",
        type=click.Choice(get_args(FloatOps)),
        default="refuse",
        show_default=True,
        help="Layers whose numbers fit no integers are errors, or compute in floats.",
    )(command)
