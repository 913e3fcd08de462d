"""One inference through the C API, the same on every machine and in every mode of transfer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from codegen.errors import VerificationFailed
from codegen.ir.interface import Interface
from codegen.ir.types import Array
from codegen.toolchain.ports import FunctionNames, function_names

WANTS_ROW, READY = 0, 1
"""What NAME_push_row returns."""


class Device(Protocol):
    """Where the C of a network runs, with one arena; addresses are integers."""

    rows: list[tuple[int, bytes]]
    """What the function at `sink` was given, row by row."""

    @property
    def arena(self) -> int: ...

    @property
    def sink(self) -> int: ...

    def call(self, function: str, *arguments: int) -> int:
        """Call a function with the arena and further arguments; return what it returns."""

    def write(self, address: int, data: bytes) -> None: ...

    def read(self, address: int, size: int) -> bytes: ...

    def lend(self, index: int, data: bytes) -> int:
        """Put data where the network may only read; what was lent at that index is gone."""


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where inputs and outputs stand in the arena, none of those that do not; output bytes.

    With the names of the functions it is what every inference takes, found once.
    """

    names: FunctionNames
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    output_bytes: tuple[int, ...]


def find_addresses(interface: Interface, device: Device) -> Addresses:
    """Ask the accessors of the network."""
    names = function_names(interface)
    inputs, outputs = (
        tuple(device.call(name) for name in side) for side in (names.inputs, names.outputs)
    )
    return Addresses(names, inputs, outputs, tuple(port.size_bytes for port in interface.outputs))


def infer(
    interface: Interface,
    device: Device,
    addresses: Addresses,
    sample: Sequence[bytes],
    held: Array | None = None,
) -> list[bytes]:
    """Run one inference as a caller of the C would; return the bytes of each output.

    Nothing but NAME_invoke, or NAME_begin and each NAME_push_row, is called. `held` begins with
    what the arena is to hold before, and then with what it holds afterwards. Raises
    VerificationFailed where rows are not taken or delivered as they should be.
    """
    device.rows.clear()
    size = interface.arena_bytes
    if held is not None:
        device.write(device.arena, held[:size].tobytes())
    outputs = _infer(interface, device, addresses, sample)
    if held is not None:
        held[:size] = np.frombuffer(device.read(device.arena, size), np.uint8)
    return outputs


def _infer(
    interface: Interface, device: Device, addresses: Addresses, sample: Sequence[bytes]
) -> list[bytes]:
    names, transfer = addresses.names, interface.transfer
    if transfer.inputs == "arena":
        for address, data in zip(addresses.inputs, sample, strict=True):
            device.write(address, data)
    lent = [device.lend(i, d) for i, d in enumerate(sample)] if transfer.inputs == "const" else []
    device.call(names.start, *lent, *((device.sink, 0) if transfer.outputs == "rows" else ()))
    if transfer.inputs == "rows":
        _push_rows(names.push_row, device, sample[0], interface.inputs[0].type.row_bytes)
    if transfer.outputs == "rows":
        return [_delivered(device, interface.outputs[0].type.rows)]
    places = zip(addresses.outputs, addresses.output_bytes, strict=True)
    return [device.read(at, size) for at, size in places]


def _push_rows(push_row: str, device: Device, image: bytes, row_bytes: int) -> None:
    """Push each row, and see that only the last completes the output."""
    for start in range(0, len(image), row_bytes):
        status = device.call(push_row, device.lend(0, image[start : start + row_bytes]))
        status -= 2**32 if status >= 2**31 else 0
        expected = READY if start + row_bytes == len(image) else WANTS_ROW
        if status != expected:
            message = f"{push_row} returned {status} instead of {expected}"
            raise VerificationFailed(message, where=f"row {start // row_bytes}")


def _delivered(device: Device, rows: int) -> bytes:
    """Return the output whose rows were delivered."""
    found = [row for row, _ in device.rows]
    if found != list(range(rows)):
        raise VerificationFailed(f"rows {found} were delivered instead of each of {rows} in turn")
    return b"".join(data for _, data in device.rows)
