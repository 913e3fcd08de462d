"""Where to cut a network in two: a prefix on the node, the rest elsewhere, one value on the air."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from codegen.report.complexity.count import Measure
from codegen.report.complexity.layers import IN_PLACE, MULTIPLYING, Kind, Layer, Structure
from codegen.report.packets import count_packets

Store = frozenset[str]
"""Where a value lies: itself, the value it replaces in place, or the parts it is joined from."""

FILTER_BYTES = 8
"""Flash that a filter takes besides its weights: a 32-bit bias, a 32-bit multiplier."""


@dataclass(frozen=True, slots=True)
class Cut:
    """A place to cut, for one input, and what the node needs for all before it.

    `after` is the last layer on the node; `radio_bytes` is what it sends, at the bits asked for.
    RAM is the peak of running layer by layer in 8 bits; flash is 8-bit weights with the 32-bit bias
    and multiplier of each filter.
    `pareto`: no other cut is better in one of radio, RAM, flash and MACs without being worse in
    another.
    """

    after: str
    output_shape: tuple[int, ...]
    radio_bytes: int
    packets: int
    ram_bytes: int
    flash_bytes: int
    macs: int
    macs_percent: float
    pareto: bool = False

    @property
    def prices(self) -> tuple[int, int, int, int]:
        """What a choice between cuts weighs up, each the less the better."""
        return self.radio_bytes, self.ram_bytes, self.flash_bytes, self.macs


@dataclass(frozen=True, slots=True)
class Split:
    """All cuts of a network, the least radio first; schema "codegen.split/1"."""

    model: str
    measure: Measure
    cuts: tuple[Cut, ...]


@dataclass(frozen=True, slots=True)
class Memory:
    """Which stores are live after each layer, and the RAM that each layer needs."""

    live: tuple[frozenset[Store], ...]
    ram_bytes: tuple[int, ...]


def split(structure: Structure, measure: Measure) -> Split:
    """Return the cuts through a single value, with both ends: all elsewhere, all on the node."""
    cuts = list(_find_cuts(structure, measure))
    ranked = sorted(cuts, key=lambda cut: cut.prices)
    marked = [_mark(cut, ranked) for cut in ranked]
    return Split(structure.name, measure, tuple(marked))


def _find_cuts(structure: Structure, measure: Measure) -> Iterator[Cut]:
    layers = structure.layers
    stores = find_stores(structure)
    memory = measure_memory(structure, stores)
    macs = [layer.macs for layer in layers]
    flash = [_flash_bytes(layer) for layer in layers]
    first = max(i for i, layer in enumerate(layers) if layer.kind is Kind.INPUT)
    last = len(layers) - 1
    name = layers[first].name
    for place in range(first, len(layers)):
        if not _continues(layers[place]) or layers[place].kind is Kind.ACTIVATE:
            name = layers[place].name
        if place < last and _continues(layers[place + 1]):
            continue
        if first < place < last and len(memory.live[place]) != 1:
            continue
        sent = measure.bytes_of(_elements(structure, memory.live[place]))
        yield Cut(
            after=name,
            output_shape=layers[place].output_shape,
            radio_bytes=sent,
            packets=count_packets(sent, measure.pdu_payload_bytes),
            ram_bytes=max(memory.ram_bytes[: place + 1]),
            flash_bytes=sum(flash[: place + 1]),
            macs=sum(macs[: place + 1]),
            macs_percent=100 * sum(macs[: place + 1]) / max(1, sum(macs)),
        )


def find_stores(structure: Structure) -> Mapping[str, Store]:
    """Return where each value lies.

    What is computed in place lies where its operand does, if nothing else reads that; a
    concatenation where its parts do.
    """
    readers = Counter(value for layer in structure.layers for value in layer.inputs)
    readers.update(structure.outputs)
    stores: dict[str, Store] = {}
    for layer in structure.layers:
        alone = all(readers[value] == 1 for value in layer.inputs)
        joined = layer.kind in (Kind.CONCAT, Kind.VIEW) or (alone and _continues(layer))
        shared = _union(stores[value] for value in layer.inputs)
        for output in layer.outputs:
            stores[output] = shared if joined else frozenset({output})
    return stores


def measure_memory(structure: Structure, stores: Mapping[str, Store]) -> Memory:
    """Return what is live after each layer and the bytes each needs, a byte a number."""
    layers = structure.layers
    last_use: dict[str, int] = {}
    for time, layer in enumerate(layers):
        last_use.update(dict.fromkeys(layer.inputs, time))
    last_use.update(dict.fromkeys(structure.outputs, len(layers)))
    live: list[frozenset[Store]] = []
    ram: list[int] = []
    held: set[str] = set()
    for time, layer in enumerate(layers):
        held.update(layer.outputs)
        ram.append(_elements(structure, {stores[value] for value in held}))
        held = {value for value in held if last_use.get(value, -1) > time}
        live.append(frozenset(stores[value] for value in held))
    return Memory(tuple(live), tuple(ram))


def _elements(structure: Structure, stores: Iterable[Store]) -> int:
    """Return the numbers that lie in the stores."""
    return sum(structure.elements[value] for value in _union(stores))


def _union(stores: Iterable[Store]) -> Store:
    return frozenset(value for store in stores for value in store)


def _continues(layer: Layer) -> bool:
    """The layer works in place on what the one before it wrote: cutting before it gains nothing."""
    by_constant = layer.kind in (Kind.ADD, Kind.MULTIPLY) and layer.operands == 1
    return len(layer.inputs) == 1 and (layer.kind in IN_PLACE or by_constant)


def _flash_bytes(layer: Layer) -> int:
    if layer.kind not in MULTIPLYING or not layer.weights:
        return 0
    return layer.weights + FILTER_BYTES * layer.channels


def _mark(cut: Cut, others: Sequence[Cut]) -> Cut:
    """Return the cut, marked if no other is at least as good in all and better in one."""
    beaten = any(
        other.prices != cut.prices
        and all(a <= b for a, b in zip(other.prices, cut.prices, strict=True))
        for other in others
    )
    return replace(cut, pareto=not beaten)
