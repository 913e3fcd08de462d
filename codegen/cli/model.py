"""The arguments that commands on a model share, and the Options they make."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar, get_args

import click

from codegen import zoo
from codegen.cli.bits import bits_options, chosen_bits
from codegen.cli.compression import compression_options
from codegen.cli.floats import float_option
from codegen.cli.joined import joined
from codegen.cli.shapes import assign_network, assign_shapes, shape_option
from codegen.cli.sizes import parse_size
from codegen.errors import BadOption
from codegen.options import (
    REPAIRS,
    Activations,
    CalibrationMethod,
    ImageForm,
    InputMode,
    Layout,
    Optimize,
    Options,
    OutputMode,
    Repair,
    Scheme,
    library_identifier,
)
from codegen.report.packets import PDUS, parse_pdu
from codegen.targets import ALL_MEMORIES
from codegen.zoo.spec import is_zoo_name, parse_spec

F = TypeVar("F", bound=Callable[..., Any])

LEAST = "min"
PATH = click.Path(path_type=Path)


def parse_ram(ctx: click.Context, param: click.Parameter, value: str | None) -> int | str | None:
    """Return the bytes of a size, or LEAST."""
    if value is None or value.strip().lower() == LEAST:
        return value and LEAST
    return parse_size(value)


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


def parse_repair(ctx: click.Context, param: click.Parameter, value: str) -> tuple[Repair, ...]:
    """Return what is to be repaired by."""
    names = {"all": list(REPAIRS), "none": []}.get(value, value.split(","))
    if not set(names) <= set(REPAIRS):
        raise click.BadParameter(f"{value!r} is not all, none, or of {', '.join(REPAIRS)}")
    return tuple(name for name in REPAIRS if name in names)


def parse_reals(ctx: click.Context, param: click.Parameter, value: str | None) -> tuple[float, ...]:
    """Return finite numbers from a list with commas; deviations are above zero."""
    try:
        found = tuple(float(part) for part in value.split(",")) if value is not None else ()
    except ValueError:
        raise click.BadParameter(f"{value!r} is no list of numbers, such as 0.5,0.5,0.5") from None
    if not all(math.isfinite(number) and (number > 0 or param.name != "std") for number in found):
        raise click.BadParameter(f"{value!r}: numbers are finite, deviations above zero")
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


quantization_options = joined(
    zoo_options,
    shape_option,
    click.option(
        "--weights",
        metavar="PATH",
        multiple=True,
        help="Zoo networks: parameters, .npz or .onnx. Of several, NETWORK=PATH for each.",
    ),
    click.option(
        "--calibrate",
        metavar="PATH",
        multiple=True,
        help="Samples to measure ranges on: .npz, a folder of .npy or of images, or"
        " MODULE:FUNCTION, which yields them. Without it they are synthetic, and accuracy"
        " is not to be trusted. Of several networks, NETWORK=PATH for each.",
    ),
    click.option(
        "--calibration-method",
        type=click.Choice(get_args(CalibrationMethod)),
        default="min-max",
        show_default=True,
        help="How ranges follow from samples: all that was seen, what holds --percentile of"
        " it, or what makes the least square error or loses the least information.",
    ),
    click.option(
        "--percentile",
        type=click.FloatRange(50, 100, min_open=True),
        default=99.99,
        show_default=True,
        help="Per cent of a value's elements that --calibration-method percentile keeps.",
    ),
    click.option(
        "--mean",
        metavar="NUMBER,...",
        callback=parse_reals,
        help="Images: what is taken from their pixels, for each channel or all. Pixels"
        " count from 0 to 255; from 0 to 1 if no number of --mean and --std is above 1.",
    ),
    click.option(
        "--std",
        metavar="NUMBER,...",
        callback=parse_reals,
        help="Images: what their pixels, less the mean, are divided by.",
    ),
    click.option(
        "--layout",
        type=click.Choice(get_args(Layout)),
        help="Images: where the input has its channels. Default: as its shape tells.",
    ),
    click.option(
        "--repair",
        callback=parse_repair,
        default="all",
        show_default=True,
        metavar="all|none|NAME,...",
        help="What is done to lose less by quantization, where --calibrate gives samples:"
        f" {', '.join(REPAIRS)}.",
    ),
    click.option(
        "--activations",
        type=click.Choice(get_args(Activations)),
        help="Element type of values between layers, where the model does not prescribe"
        " it: int16 is for audio and recurrent networks; auto: int8, but int16 for values"
        " without which --sqnr is not kept. Default: as formats in the model, else int8.",
    ),
    click.option(
        "--scheme",
        type=click.Choice(get_args(Scheme)),
        default="affine",
        show_default=True,
        help="Scales and zero points of any value, or powers of two and zero: Q formats,"
        " in which a change of scale is a shift.",
    ),
    bits_options,
    compression_options,
    float_option,
    click.option("--seed", type=int, default=0, show_default=True, help="Of synthetic inputs."),
    click.option("--dump-ir", type=PATH, help="Write what each stage makes, as text, here."),
)
"""Add the options that say which network, and how it is quantized."""


model_options = joined(
    quantization_options,
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
        "--stream-weights",
        is_flag=True,
        help="Of an FPGA: weights come in by a second stream, in the order of use, for networks"
        " that need more block RAM than there is.",
    ),
    click.option(
        "--optimize",
        type=click.Choice(get_args(Optimize)),
        default="balanced",
        show_default=True,
        help="Choose kernels of fewest cycles, of fewest bytes of code and weights, or of"
        " few bytes among those that are equally fast.",
    ),
    click.option(
        "--tune",
        is_flag=True,
        help="Choose by cycles measured on the emulated target, instead of estimates."
        " What was measured is remembered.",
    ),
    click.option(
        "--shrink/--no-shrink",
        default=True,
        show_default=True,
        help="Leave out channels that are constant, equal to others or not needed; every"
        " output byte stays the same.",
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
        "--pdu",
        callback=lambda ctx, param, value: parse_pdu(value),
        default=PDUS[0].name,
        show_default=True,
        help="Payload bytes of a radio packet, or a kind of it:"
        f" {', '.join(pdu.name for pdu in PDUS)}.",
    ),
)
"""Add the options that say which network, how quantized, and what C it becomes."""


def make_options(model: str, target: str, given: Mapping[str, Any]) -> Options:
    """Return the options of a run from those of the command line, by their names there."""
    (options,) = _make_each([(given.get("name"), model)], target, given)
    return options


def make_bundle_options(
    models: Sequence[str], target: str, given: Mapping[str, Any]
) -> tuple[str, tuple[Options, ...]]:
    """Return the library's name and the options of each of several models.

    A model may have a name of its own before it: `NAME=MODEL`.
    """
    found = _make_each([split_name(model) for model in models], target, given)
    return library_identifier(given["name"], found), found


def make_each_options(
    models: Sequence[str], target: str, given: Mapping[str, Any]
) -> tuple[Options, ...]:
    """Return the options of each of several models; of one alone, under the name that is given."""
    if len(models) == 1:
        return (make_options(models[0], target, given),)
    return _make_each([(None, model) for model in models], target, given)


def _make_each(
    models: Sequence[tuple[str | None, str]], target: str, given: Mapping[str, Any]
) -> tuple[Options, ...]:
    """Return the options of each named model."""
    bits = chosen_bits(given)
    assigned = assign_options([model for _, model in models], given_zoo_options(given))
    emission = emission_fields(given) if "ram" in given else {}
    found = [
        Options(
            model=model,
            target=target,
            name=name,
            network=network,
            seed=given["seed"],
            activations=given["activations"],
            scheme=given["scheme"],
            repair=given["repair"],
            images=ImageForm(given["mean"], given["std"], given["layout"]),
            calibration_method=given["calibration_method"],
            percentile=given["percentile"],
            float_ops=given["float_ops"],
            bits=bits,
            flash_bytes=given["flash"],
            sqnr_db=given["sqnr"],
            density=given["density"],
            codebook=given["codebook"],
            low_rank_db=given["low_rank"],
            **emission,
        )
        for (name, _), (model, network) in zip(models, assigned, strict=True)
    ]
    names = [options.identifier for options in found]
    weights = assign_files("--weights", given["weights"], names)
    samples = assign_files("--calibrate", given["calibrate"], names)
    refuse_stray_scaling(found[0].images, (*samples.values(), given.get("data")))
    shapes = assign_shapes(given["shape"], names)
    dump = given["dump_ir"]
    return tuple(
        replace(
            options,
            weights=weights.get(name),
            shapes=shapes.get(name, {}),
            calibrate=samples.get(name),
            dump_ir=dump / name if dump and len(found) > 1 else dump,
        )
        for name, options in zip(names, found, strict=True)
    )


def refuse_stray_scaling(images: ImageForm, sources: Iterable[Path | None]) -> None:
    """Raise BadOption where pixels are to be scaled, and no samples can be images."""
    if images != ImageForm() and not any(source and source.is_dir() for source in sources):
        raise BadOption(
            "--mean, --std and --layout are for images, and no folder is given",
            hint="--calibrate FOLDER; other samples are reals as the network takes them",
        )


def emission_fields(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of Options that say what C a quantized network becomes."""
    return {
        "ram_bytes": given["ram"] if given["ram"] != LEAST else None,
        "least_ram": given["ram"] == LEAST,
        "memories": given["memories"],
        "stream_weights": given["stream_weights"],
        "pdu_payload_bytes": given["pdu"],
        "input_mode": given["input"],
        "output_mode": given["output"],
        "shrink": given["shrink"],
        "optimize": given["optimize"],
        "tune": given["tune"],
    }


def split_name(text: str) -> tuple[str | None, str]:
    """Return the name written before a model, and the model.

    >>> split_name("wake=kws.onnx"), split_name("mobilenet_v1:alpha=0.25")
    (('wake', 'kws.onnx'), (None, 'mobilenet_v1:alpha=0.25'))
    """
    name, equals, model = text.partition("=")
    return (name, model) if equals and re.fullmatch(r"\w+", name) else (None, text)


def assign_files(option: str, texts: Sequence[str], networks: Sequence[str]) -> dict[str, Path]:
    """Return the file of each network that is given one: PATH, or NETWORK=PATH where several are.

    >>> assign_files("--calibrate", ["kws=speech.npz"], ["kws", "vww"])
    {'kws': PosixPath('speech.npz')}
    """
    found: dict[str, Path] = {}
    for text in texts:
        name, path = assign_network(option, text, networks)
        if name in found:
            raise BadOption(f"{option}: given more than once for {name}", hint="give it once")
        found[name] = Path(path)
    return found


def assign_options(
    models: Sequence[str], shared: Mapping[str, object]
) -> Iterator[tuple[str, dict[str, object]]]:
    """Yield each model with its zoo options: its own, and those of `shared` that it has.

    A model is a file, a zoo name, or a zoo name with options of its own: `resnet_cifar:depth=56`.
    Raises BadOption for an option that no model takes.
    """
    assigned = [parse_spec(model) for model in models]
    for name, own in assigned:
        has = _option_names(name)
        own.update({key: value for key, value in shared.items() if key in has and key not in own})
    unused = shared.keys() - {key for name, _ in assigned for key in _option_names(name)}
    if unused:
        options = ", ".join(f"--{name}" for name in sorted(unused))
        raise BadOption(f"{options}: no model here takes this", hint="see codegen zoo")
    yield from assigned


def _option_names(model: str) -> set[str]:
    options = zoo.find_network(model).options if is_zoo_name(model) else ()
    return {option.name for option in options}


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
