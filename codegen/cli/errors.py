"""Errors on the command line: what is wrong, where, what to do; an exit status; no traceback."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any

import click

from codegen.errors import EXIT_BAD_INPUT, CodegenError

TRACEBACK_VARIABLE = "CODEGEN_TRACEBACK"


class ErrorGroup(click.Group):
    """A group of commands whose errors become messages on stderr and documented exit statuses.

    A command is imported when it is asked for, so that none waits for what others need.
    """

    def __init__(self, *, commands: Sequence[str], **settings: Any) -> None:
        super().__init__(**settings)
        self.names = commands

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands, in their order in the help."""
        return list(self.names)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command, from the module of its name."""
        if cmd_name not in self.names:
            return None
        module = import_module(f"codegen.cli.{cmd_name}")
        command: click.Command = getattr(module, cmd_name)
        command.help = (command.help or "").replace(r"\b", "\b")
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; exit with the status of the error it raises."""
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError):
            raise
        except CodegenError as error:
            if wants_traceback():
                raise
            click.echo(str(error), err=True)
            sys.exit(error.exit_status)
        except Exception as error:
            if wants_traceback():
                raise
            click.echo(internal_error(error), err=True)
            sys.exit(EXIT_BAD_INPUT)


def wants_traceback() -> bool:
    """The environment asks for tracebacks."""
    return bool(os.environ.get(TRACEBACK_VARIABLE))


def internal_error(error: Exception) -> str:
    """Return the message for an error that codegen did not foresee.

    >>> print(internal_error(KeyError("x")))
    error[internal]: KeyError: 'x'
      hint: this is a fault of codegen; please report it with the traceback that
            CODEGEN_TRACEBACK=1 shows
    """
    kind = type(error).__name__
    first = (str(error).splitlines() or ["no message"])[0]
    return (
        f"error[internal]: {kind}: {first}\n"
        "  hint: this is a fault of codegen; please report it with the traceback that\n"
        f"        {TRACEBACK_VARIABLE}=1 shows"
    )
