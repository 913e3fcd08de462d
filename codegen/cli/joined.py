"""Options of several commands, added together."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])


def joined(*options: Callable[[Any], Any]) -> Callable[[F], F]:
    """Return what adds all of the options to a command, whose help lists them in this order."""

    def add(command: F) -> F:
        changed = command
        for option in reversed(options):
            changed = option(changed)
        return changed

    return add
