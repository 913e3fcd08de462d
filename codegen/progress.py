"""Progress: how a long step tells how far it is."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[str, int, int | None], None]
"""Called with what is being done, the steps done so far, and all steps, None where that is open."""


def silent(step: str, done: int, total: int | None) -> None:
    """Tell nobody."""
