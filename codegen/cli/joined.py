"""Options of several commands, added together."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])


def joined(*options: Callable[[Any], Any]) -> Callable[[F], F]:
    """Return what adds all of the options to a command, whose help lists them in this order."""

    def add(command: F) -> F:
        changed = command
        for option in reversed(options):
            changed = option(changed)
        return changed

    return add


def option_names(options: Callable[[Any], Any]) -> tuple[str, ...]:
    """Return the names of options that are added together, as the command's function takes them.

    >>> option_names(joined(click.option("--ram"), click.option("--as-bytes")))
    ('ram', 'as_bytes')
    """
    command = click.command()(options(lambda: None))
    return tuple(param.name or "" for param in command.params)
