"""What a target, or several networks together, cannot be asked for."""

from __future__ import annotations

from collections.abc import Sequence

from codegen.errors import BadOption, Problem
from codegen.options import Options
from codegen.targets import load_target


def check_requests(networks: Sequence[Options]) -> None:
    """Raise BadOption for what a target, or several networks together, cannot be asked for."""
    check_memories(networks)
    check_flash(networks)
    check_fpga(networks)


def check_flash(networks: Sequence[Options]) -> None:
    """Raise BadOption where networks of one library are to share an amount of flash."""
    if len(networks) > 1 and any(options.flash_bytes is not None for options in networks):
        raise BadOption(
            "--flash: the flash that networks share is not divided among them",
            hint="give --bits or --sqnr, or emit each network alone",
        )


def check_fpga(networks: Sequence[Options]) -> None:
    """Raise BadOption with all that a network in an FPGA cannot be asked for."""
    options = networks[0]
    target = load_target(options.target)
    if target.engine is None:
        if options.stream_weights:
            raise BadOption(
                f"--stream-weights: target '{target.name}' is no FPGA",
                hint="--memories places weights of a microcontroller",
            )
        return
    asked = {
        "--share-arena": len(networks) > 1,
        "--flash": options.flash_bytes is not None,
        "--input, --output": (options.input_mode, options.output_mode) != ("arena", "arena"),
    }
    if any(asked.values()):
        raise BadOption.collect(
            Problem(f"{option}: not for target '{target.name}', which is an FPGA")
            for option, is_asked in asked.items()
            if is_asked
        )


def check_memories(networks: Sequence[Options]) -> None:
    """Raise BadOption where networks that share one arena are to have it in several memories."""
    if len(networks) > 1 and any(options.memories for options in networks):
        raise BadOption(
            "--memories: the arena that networks share is in one memory",
            hint="leave out --memories, or emit each network alone",
        )
