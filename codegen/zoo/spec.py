"""Zoo networks written with their options: `resnet_cifar:depth=56`, `mobilenet_v1:alpha=0.5`."""

from __future__ import annotations

from collections.abc import Mapping

from codegen.errors import BadOption
from codegen.zoo import NETWORKS


def is_zoo_name(name: str) -> bool:
    """The zoo has a network of that name."""
    return name in [network.name for network in NETWORKS]


def parse_spec(text: str) -> tuple[str, dict[str, object]]:
    """Return a model's name and the options written behind it; anything but a zoo name has none.

    >>> parse_spec("mobilenet_v1:alpha=0.5,resolution=160")
    ('mobilenet_v1', {'alpha': '0.5', 'resolution': '160'})
    >>> parse_spec("folder:x/net.onnx")
    ('folder:x/net.onnx', {})
    """
    name, colon, rest = text.partition(":")
    if not colon or not is_zoo_name(name):
        return text, {}
    pairs = [pair.partition("=") for pair in rest.split(",")]
    if not all(key and equals and value for key, equals, value in pairs):
        raise BadOption(
            f"{text}: options are NAME=VALUE, with commas between",
            hint=f"for example {name}:resolution=160",
        )
    return name, {key: value for key, _, value in pairs}


def write_spec(name: str, options: Mapping[str, object]) -> str:
    """Return what `parse_spec` reads.

    >>> write_spec("mobilenet_v1", {"alpha": 0.5}), write_spec("vgg16", {})
    ('mobilenet_v1:alpha=0.5', 'vgg16')
    """
    pairs = ",".join(f"{key}={value}" for key, value in options.items())
    return f"{name}:{pairs}" if pairs else name
