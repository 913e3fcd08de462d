"""The zoo: published networks as ONNX models, with seeded weights or real ones."""

from __future__ import annotations

from collections.abc import Mapping

import onnx

from codegen.errors import BadOption, Problem, UnknownName
from codegen.zoo.cifar10_cnn import CIFAR10_CNN
from codegen.zoo.classics import CLASSICS
from codegen.zoo.deeplab_v3 import DEEPLAB_V3
from codegen.zoo.initialize import initialize
from codegen.zoo.mobilenet_v1 import MOBILENET_V1
from codegen.zoo.mobilenet_v2 import MOBILENET_V2
from codegen.zoo.network import Choice, Network, Number, Option
from codegen.zoo.resnet_cifar import RESNET_CIFAR
from codegen.zoo.separable_block import SEPARABLE_BLOCK
from codegen.zoo.shufflenet_v1 import SHUFFLENET_V1
from codegen.zoo.squeezenet import SQUEEZENET
from codegen.zoo.squeezenext import SQUEEZENEXT
from codegen.zoo.ssdlite import SSDLITE
from codegen.zoo.weights import load_weights

NETWORKS: tuple[Network, ...] = (
    SQUEEZENET,
    SQUEEZENEXT,
    MOBILENET_V1,
    MOBILENET_V2,
    SHUFFLENET_V1,
    CIFAR10_CNN,
    RESNET_CIFAR,
    SSDLITE,
    DEEPLAB_V3,
    SEPARABLE_BLOCK,
    *CLASSICS,
)
"""Every network that `build` knows."""


def build(
    name: str, options: Mapping[str, object] | None = None, weights: bool = True
) -> onnx.ModelProto:
    """Return a network of `NETWORKS` as an ONNX model; options left out have their defaults.

    Its weights are random, and the same name and options give the same bytes, on every machine.
    Without `weights` the initializers have a name, a type and dimensions, and no data: nothing is
    computed. Raises UnknownName for a network, BadOption for options it does not have or values
    they cannot take.
    """
    network = find_network(name)
    given = dict(options or {})
    known = {option.name for option in network.options}
    problems = [
        Problem(f"{name} has no option {key!r}", hint=f"it has {', '.join(sorted(known))}")
        for key in sorted(given.keys() - known)
    ]
    values = {
        option.name: option.parse(given.get(option.name, option.default))
        for option in network.options
    }
    problems += [value for value in values.values() if isinstance(value, Problem)]
    if problems:
        raise BadOption.collect(problems)
    structure = network.builder(**values)
    return initialize(structure) if weights else structure


def find_network(name: str) -> Network:
    """Return the network of that name; UnknownName lists those there are."""
    for network in NETWORKS:
        if network.name == name:
            return network
    names = ", ".join(network.name for network in NETWORKS)
    raise UnknownName(f"the zoo has no network {name!r}", hint=f"it has {names}")


__all__ = [
    "NETWORKS",
    "Choice",
    "Network",
    "Number",
    "Option",
    "build",
    "find_network",
    "load_weights",
]
