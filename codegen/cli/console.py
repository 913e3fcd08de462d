"""Consoles and progress: results on stdout, progress on stderr and only on a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from codegen import progress

WIDTH = 110
"""Columns where the output is no terminal."""


def stdout() -> Console:
    """Return a console for results; numbers and paths are not colored."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=WIDTH)


@contextmanager
def progress_bar() -> Iterator[progress.Progress]:
    """Yield a callback that shows how far a long step is, on a terminal; else nothing shows."""
    console = Console(stderr=True)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as bar:
        task = bar.add_task("compiling", total=None)

        def update(step: str, done: int, total: int | None) -> None:
            text = f"{step}, {done:,} so far" if total is None else step
            bar.tasks[0].total = total
            bar.update(task, description=text, completed=done)

        yield update
