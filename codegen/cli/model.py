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

F = TypeVar("F", bound=Callable[..., Any])

RAM_UNITS = {"": 1, "k": 1024, "m": 1024 * 1024}
PATH = click.Path(path_type=Path)


def parse_ram(ctx: click.Context, param: click.Parameter, value: str | None) -> int | None:
    """Return bytes from a number with an optional k or M (1024 or 1024 squared bytes)."""
    if value is None:
        return None
    text = value.strip().lower().removesuffix("b")
    unit = text[-1:] if text[-1:] in ("k", "m") else ""
    digits = text.removesuffix(unit)
    if not digits.isdecimal() or int(digits) == 0:
        raise click.BadParameter(f"{value!r} is no size; give for example 65536 or 64k")
    return int(digits) * RAM_UNITS[unit]


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
                "--ram", callback=parse_ram, help="Most RAM the arena may take, such as 64k."
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
        ram_bytes=given["ram"],
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
