"""The option --shape, and options of which each network may have its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click

from codegen.errors import BadOption

Dims = tuple[int, ...]
F = TypeVar("F", bound=Callable[..., Any])


def parse_dims(text: str) -> Dims:
    """Return dimensions from numbers with commas between; BadOption."""
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdecimal() and int(part) for part in parts):
        raise BadOption(
            f"--shape: {text!r} is no shape", hint="for example --shape image=1,3,96,96"
        )
    return tuple(int(part) for part in parts)


def shape_option(command: F) -> F:
    """Add the option that fixes the dimensions of inputs."""
    return click.option(
        "--shape",
        metavar="INPUT=DIMS",
        multiple=True,
        help="Dimensions of an input that the model leaves open, batch included, such as"
        " image=1,3,96,96; may be repeated. Of several networks, NETWORK=INPUT=DIMS.",
    )(command)


def assign_shapes(texts: Sequence[str], networks: Sequence[str]) -> dict[str, dict[str, Dims]]:
    """Return the shapes of inputs of each network: INPUT=DIMS, or NETWORK=INPUT=DIMS.

    >>> assign_shapes(["image=1,3,96,96", "net=sound=1,40"], ["net"])
    {'net': {'image': (1, 3, 96, 96), 'sound': (1, 40)}}
    """
    found: dict[str, dict[str, Dims]] = {}
    for text in texts:
        network, shape = assign_network("--shape", text, networks, within="=")
        name, equals, dims = shape.rpartition("=")
        if not equals or not name:
            raise BadOption(
                f"--shape {text}: of which input?", hint="for example --shape image=1,3,96,96"
            )
        shapes = found.setdefault(network, {})
        if name in shapes:
            raise BadOption(f"--shape: given more than once for {name}", hint="give it once")
        shapes[name] = parse_dims(dims)
    return found


def assign_network(
    option: str, text: str, networks: Sequence[str], within: str = ""
) -> tuple[str, str]:
    """Return the network that an option's value is for, and the value: VALUE, or NETWORK=VALUE.

    `within` is what each value holds, so that a network's name is not taken for a part of one.
    """
    name, equals, value = text.partition("=")
    if equals and name in networks and within in value:
        return name, value
    if len(networks) > 1:
        raise BadOption(
            f"{option} {text}: which of the networks {', '.join(networks)} is meant?",
            hint=f"for example {option} {networks[0]}={text}",
        )
    return networks[0], text
