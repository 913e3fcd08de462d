"""The arguments that commands on a model share, and the Options they make."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar, get_args

import click

from codegen import zoo
from codegen.errors import BadOption
from codegen.options import InputMode, Options, OutputMode
from codegen.report.packets import PDUS, parse_pdu
from codegen.targets import ALL_MEMORIES

F = TypeVar("F", bound=Callable[..., Any])

LEAST = "min"
RAM_UNITS = {"": 1, "k": 1024, "m": 1024 * 1024}
PATH = click.Path(path_type=Path)


def parse_ram(ctx: click.Context, param: click.Parameter, value: str | None) -> int | str | None:
    """Return the bytes of a size, or LEAST."""
    if value is None or value.strip().lower() == LEAST:
        return value and LEAST
    return parse_size(value)


def parse_size(value: str) -> int:
    """Return bytes from a number with an optional k or M (1024 or 1024 squared bytes)."""
    text = value.strip().lower().removesuffix("b")
    unit = text[-1:] if text[-1:] in ("k", "m") else ""
    digits = text.removesuffix(unit)
    if not digits.isdecimal() or int(digits) == 0:
        raise click.BadParameter(f"{value!r} is no size; give for example 65536 or 64k")
    return int(digits) * RAM_UNITS[unit]


def parse_memories(
    ctx: click.Context, param: click.Parameter, value: str | None
) -> dict[str, int | None]:
    """Return memories, each with the most bytes to take of it, from NAME[=SIZE],..."""
    found: dict[str, int | None] = {}
    for part in value.split(",") if value is not None else ():
        name, equals, size = (text.strip() for text in part.partition("="))
        if not name or name in found or (equals and name == ALL_MEMORIES):
            raise click.BadParameter(
                f"{value!r} is no list of memories; give for example all, or dtcm=96k,axi_sram"
            )
        found[name] = parse_size(size) if equals else None
    return found


def zoo_options(command: F) -> F:
    """Add the options of all zoo networks, once each; the zoo checks their values."""
    for name, text in reversed(zoo_option_help().items()):
        command = click.option(flag(name), metavar="VALUE", help=f"Zoo: {text}.")(command)
    return command


def flag(name: str) -> str:
    """Return the name of an option as it is written on the command line."""
    return f"--{name.replace('_', '-')}"


def zoo_option_help() -> dict[str, str]:
    """Return what each option of a zoo network is, by its name."""
    return {
        option.name: option.help for network in reversed(zoo.NETWORKS) for option in network.options
    }


def model_options(command: F) -> F:
    """Add the options that say which network, how quantized, under which name."""
    for decorate in reversed(
        (
            zoo_options,
            click.option("--weights", type=PATH, help="Zoo networks: parameters, .npz or .onnx."),
            click.option(
                "--calibrate",
                type=PATH,
                help="Samples to measure ranges on: .npz, or a folder of .npy."
                " Without it they are synthetic, and accuracy is not to be trusted.",
            ),
            click.option("--name", help="C identifier of symbols and files. Default: the model's."),
            click.option(
                "--ram",
                metavar="SIZE|min",
                callback=parse_ram,
                help="Most RAM that arena and stack may take, such as 64k; or min: the least arena"
                " that costs few cycles more.",
            ),
            click.option(
                "--memories",
                callback=parse_memories,
                metavar="NAME[=SIZE],...",
                help="Memories of the target to spread arena and weights over, so that accesses"
                " cost least; all: those on the chip. Default: one of RAM, one of flash.",
            ),
            click.option(
                "--input",
                type=click.Choice(get_args(InputMode)),
                default="arena",
                show_default=True,
                help="Inputs are written into the arena, read where the caller has them, or pushed"
                " row by row: then the image is never held.",
            ),
            click.option(
                "--output",
                type=click.Choice(get_args(OutputMode)),
                default="arena",
                show_default=True,
                help="Outputs stand in the arena, or each row goes to a function of the caller.",
            ),
            click.option(
                "--seed", type=int, default=0, show_default=True, help="Of synthetic inputs."
            ),
            click.option(
                "--pdu",
                callback=lambda ctx, param, value: parse_pdu(value),
                default=PDUS[0].name,
                show_default=True,
                help="Payload bytes of a radio packet, or a kind of it:"
                f" {', '.join(pdu.name for pdu in PDUS)}.",
            ),
            click.option(
                "--dump-ir", type=PATH, help="Write what each stage makes, as text, here."
            ),
        )
    ):
        command = decorate(command)
    return command


def make_options(model: str, target: str, given: dict[str, Any]) -> Options:
    """Return the options of a run from those of the command line, by their names there."""
    return Options(
        model=model,
        target=target,
        name=given["name"],
        network=given_zoo_options(given),
        weights=given["weights"],
        calibrate=given["calibrate"],
        seed=given["seed"],
        ram_bytes=given["ram"] if given["ram"] != LEAST else None,
        least_ram=given["ram"] == LEAST,
        memories=given["memories"],
        pdu_payload_bytes=given["pdu"],
        dump_ir=given["dump_ir"],
        input_mode=given["input"],
        output_mode=given["output"],
    )


def given_zoo_options(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of zoo networks that are on the command line."""
    return {name: given[name] for name in zoo_option_help() if given[name] is not None}


def is_project(model: str) -> bool:
    """The argument is a folder, so an emitted one is meant."""
    return Path(model).is_dir()


def refuse_model_options(given: dict[str, Any]) -> None:
    """Raise BadOption where options of a model were given for an emitted folder."""
    found = on_command_line(given)
    if found:
        raise BadOption(
            f"{', '.join(found)}: an emitted folder is taken as it is",
            hint="give the model instead of the folder",
        )


def on_command_line(names: Iterable[str]) -> list[str]:
    """Return those of the options that the user gave, as they are written."""
    ctx = click.get_current_context()
    given = click.core.ParameterSource.COMMANDLINE
    return [flag(name) for name in names if ctx.get_parameter_source(name) is given]
