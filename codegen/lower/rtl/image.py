"""Link a program for the shared engine: addresses in the arena and in its memories, for good."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from codegen.ir.engine import Command, Kind, Memories, Shape, Walk
from codegen.ir.program import Layer, Place, Program
from codegen.ir.types import Array
from codegen.lower.rtl.layout import Part
from codegen.lower.rtl.weight_stream import stream_weights

TABLE_BYTES = 256


@dataclass(frozen=True, slots=True, eq=False)
class Image:
    """All that an engine of `shape` is made with for a network.

    `owners` gives for each command the layer it belongs to, -1 for that of a port. The arena takes
    whole words. Sums, with their biases or without, take `acc_bits` bits.
    """

    shape: Shape
    memories: Memories
    commands: tuple[Command, ...]
    owners: tuple[int, ...]
    arena_bytes: int
    acc_bits: int


def link(program: Program) -> Image:
    """Return the image of a program that was lowered for an engine."""
    shape = program.engine
    assert shape is not None, "the program is not for an engine"
    held = _Held(program, shape)
    made = [
        *((_port(Kind.RECEIVE, *each), -1) for each in _ports(program, program.input_places, 0)),
        *(
            (_placed(part, layer, held.starts(layer)), index)
            for index, layer in enumerate(program.layers)
            for part in _parts(layer)
        ),
        *((_port(Kind.SEND, *each), -1) for each in _ports(program, program.output_places, 1)),
    ]
    size = program.interface.arena_bytes
    memories = held.memories()
    if shape.ring:
        words, made = stream_weights(shape.ring, memories.weights, made)
        memories = replace(memories, weights=words)
    return Image(
        shape,
        memories,
        tuple(command for command, _ in made),
        tuple(owner for _, owner in made),
        -(-size // shape.simd) * shape.simd,
        max(_bound(layer).bit_length() for layer in program.layers) + 1,
    )


def _parts(layer: Layer) -> Sequence[Part]:
    found = layer.function.params["parts"]
    assert isinstance(found, tuple)
    return found


def _bound(layer: Layer) -> int:
    found = layer.function.params["bound"]
    assert isinstance(found, int)
    return found


def _ports(
    program: Program, places: Sequence[Place | None], side: int
) -> Iterator[tuple[int, int]]:
    """Yield where each port's bytes begin, and how many there are."""
    ports = (program.interface.inputs, program.interface.outputs)[side]
    for place, port in zip(places, ports, strict=True):
        assert place is not None, "ports of an engine are in its arena"
        yield place.offset, port.size_bytes


def _port(kind: Kind, start: int, size: int) -> Command:
    return Command(kind, address=Walk(start), row_bytes=size)


def _placed(part: Part, layer: Layer, starts: Mapping[str, int]) -> Command:
    """Return a layer's command with the addresses of its values and constants."""
    command = part.command
    weight = starts.get("weights", 0)
    if command.kind is Kind.ADD:
        weight = layer.operands[part.operand + 1].offset
    table = starts.get("table", 0) + starts.get("exponentials", 0)
    return replace(
        command,
        address=command.address.moved(layer.operands[part.operand].offset),
        weight=command.weight.moved(weight),
        output=command.output.moved(layer.output_offset),
        param=command.param + starts.get("parameters", 0),
        table=command.table + table if command.table >= 0 else -1,
    )


class _Held:
    """The constants of a program by what they are for, each in a memory of its own."""

    def __init__(self, program: Program, shape: Shape) -> None:
        self._shape = shape
        self._values = {constant.name: constant.values for constant in program.constants}
        self._items = {
            "weights": shape.pe * shape.simd,
            "parameters": shape.lanes * 2,
            "table": TABLE_BYTES,
            "exponentials": TABLE_BYTES,
        }
        self._places: dict[str, dict[str, int]] = {role: {} for role in self._items}
        self._sizes = dict.fromkeys(self._items, 0)
        for layer in program.layers:
            for role, name in self._named(layer):
                if name not in self._places[role]:
                    self._places[role][name] = self._sizes[role]
                    self._sizes[role] += len(self._values[name]) // self._items[role]

    def _named(self, layer: Layer) -> Iterator[tuple[str, str]]:
        roles = layer.function.params["roles"]
        assert isinstance(roles, tuple)
        yield from zip(roles, layer.constants, strict=True)

    def starts(self, layer: Layer) -> dict[str, int]:
        """Return where each of a layer's constants begins in its memory."""
        return {role: self._places[role][name] for role, name in self._named(layer)}

    def memories(self) -> Memories:
        """Return all of them."""
        parameters = self._all("parameters", np.int64).reshape(-1, self._shape.lanes, 2)
        return Memories(
            self._all("weights", np.int8).reshape(-1, self._shape.pe, self._shape.simd),
            parameters[..., 0],
            parameters[..., 1],
            self._all("table", np.int8).reshape(-1, TABLE_BYTES),
            self._all("exponentials", np.int64).reshape(-1, TABLE_BYTES),
        )

    def _all(self, role: str, dtype: type[np.int8] | type[np.int64]) -> Array:
        parts = [self._values[name] for name in self._places[role]]
        return np.concatenate([np.zeros(0, dtype), *parts]).astype(dtype)
