"""The command line: a file a command. Messages go to stderr, results to stdout."""

from __future__ import annotations

import signal
import sys

import click

from codegen import __version__
from codegen.cli.errors import ErrorGroup

COMMANDS = (
    "emit",
    "quantize",
    "verify",
    "check",
    "accuracy",
    "report",
    "bench",
    "synth",
    "targets",
    "zoo",
    "tables",
    "conformance",
    "operators",
)
"""Each is a file here that holds a command of its name, and is read when it is called."""


HELP = """Compile ONNX networks into fixed-point, static-memory C for microcontrollers.

\b
codegen emit mobilenet_v1 --alpha 0.25 --target cortex-m7
codegen emit my_network.onnx --target cortex-m4 --calibrate samples.npz
codegen verify my_network
"""


@click.group(
    cls=ErrorGroup,
    commands=COMMANDS,
    help=HELP,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(__version__, prog_name="codegen")
def cli() -> None:
    """Hold the commands together."""


def main() -> None:
    """Run the command line; a termination signal ends it as an interrupt does, cleaning up."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    cli(prog_name="codegen")
