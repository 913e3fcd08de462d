"""What would help a network that needs more RAM than it is given, each with its gain in bytes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from codegen import zoo
from codegen.errors import BadOption
from codegen.frontend import import_model
from codegen.ir.graph import Graph
from codegen.ir.interface import Transfer
from codegen.ir.memory import RamGoal
from codegen.ir.types import DType, Quant, TensorType
from codegen.passes import canonicalize
from codegen.plan.solve import solve
from codegen.schedule.assign import assign_kernels
from codegen.schedule.edges import check_transfer
from codegen.zoo.spec import is_zoo_name

SMALLER: Mapping[str, tuple[float, ...]] = {
    "resolution": (224, 192, 160, 128, 96, 64),
    "alpha": (1.0, 0.75, 0.5, 0.35, 0.25),
}
"""Values of zoo options that make a network smaller, as the papers have them."""


@dataclass(frozen=True, slots=True)
class Remedy:
    """A change of options, and the least arena it leads to."""

    change: str
    arena_bytes: int


def find_remedies(
    graph: Graph,
    families: tuple[str, ...],
    transfer: Transfer,
    model: str,
    network: Mapping[str, object],
    limit_bytes: int,
) -> tuple[Remedy, ...]:
    """Return changes that lower the least arena of a fixed-point graph, the best first.

    `model` and `network` are the zoo's name and options, where it is from there; of each of these
    the first smaller value that fits `limit_bytes` is told, else the smallest.
    """
    found = [
        Remedy(change, least_arena(graph, families, other))
        for change, other in _transfers(transfer)
        if _can_pass(graph, other)
    ]
    if is_zoo_name(model):
        found += _smaller_networks(families, transfer, model, network, limit_bytes)
    return tuple(sorted(found, key=lambda remedy: remedy.arena_bytes))


def least_arena(graph: Graph, families: tuple[str, ...], transfer: Transfer) -> int:
    """Return the size of the smallest arena."""
    return solve(assign_kernels(graph, families, transfer), RamGoal(least=True)).plan.size_bytes


def _can_pass(graph: Graph, transfer: Transfer) -> bool:
    """The network's inputs and outputs can pass that way."""
    try:
        check_transfer(graph, transfer)
    except BadOption:
        return False
    return True


def _transfers(transfer: Transfer) -> Iterator[tuple[str, Transfer]]:
    """Yield other ways for inputs and outputs to pass."""
    if transfer.inputs != "rows":
        yield "--input rows (the image is pushed row by row)", replace(transfer, inputs="rows")
    if transfer.inputs == "arena":
        yield "--input const (the image stays with the caller)", replace(transfer, inputs="const")
    if transfer.outputs == "arena":
        yield "--output rows (the output goes out row by row)", replace(transfer, outputs="rows")


def _smaller_networks(
    families: tuple[str, ...],
    transfer: Transfer,
    model: str,
    network: Mapping[str, object],
    limit_bytes: int,
) -> Iterator[Remedy]:
    """Yield for each option of the zoo network that scales it the first value that fits."""
    for option in zoo.find_network(model).options:
        now = float(str(network.get(option.name, option.default) if option.name in SMALLER else 0))
        remedy = None
        for value in SMALLER.get(option.name, ()):
            if value >= now or not isinstance(option.parse(f"{value:g}"), int | float):
                continue
            smaller = made_up(model, {**network, option.name: f"{value:g}"})
            change = f"--{option.name} {value:g}"
            remedy = Remedy(change, least_arena(smaller, families, transfer))
            if remedy.arena_bytes <= limit_bytes:
                break
        if remedy is not None:
            yield remedy


def made_up(model: str, network: Mapping[str, object]) -> Graph:
    """Return a zoo network with formats that only its plan can be read from."""
    graph = canonicalize(import_model(zoo.build(model, network), model))
    wide = {name for node in graph.nodes for name in node.inputs[2:]}
    types = {
        name: TensorType(kind.shape, DType.INT32 if name in wide else DType.INT8, Quant((0.1,)))
        for name, kind in graph.types.items()
    }
    return replace(graph, types=types)
