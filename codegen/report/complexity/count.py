"""What a network costs: a row a layer, totals, and the share of each kind of layer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from codegen.options import RADIO_PAYLOAD_BYTES
from codegen.report.complexity.layers import MULTIPLYING, Kind, Layer, Structure
from codegen.report.complexity.rules import MOBILE, Cost, Rules, total
from codegen.report.packets import count_packets

NOTHING = Cost()


@dataclass(frozen=True, slots=True)
class Measure:
    """How to count: by which rules, for how many inputs, in how many bits, in which packets."""

    rules: Rules = MOBILE
    batch: int = 1
    bits: int = MOBILE.bits
    pdu_payload_bytes: int = RADIO_PAYLOAD_BYTES

    def bytes_of(self, numbers: int) -> int:
        """Return the bytes that so many numbers take."""
        return -(-numbers * self.bits // 8)


@dataclass(frozen=True, slots=True)
class Row:
    """One layer. `output_bytes` and `packets` carry its output, `size_bytes` holds its parameters.

    `output_shape` is that of one input, without the batch, in the order of ONNX.
    """

    name: str
    op: str
    kind: Kind
    output_shape: tuple[int, ...]
    cost: Cost
    size_bytes: int
    output_bytes: int
    packets: int


@dataclass(frozen=True, slots=True)
class Share:
    """What the layers of one kind cost together, and their part of all, in percent."""

    kind: Kind
    layers: int
    macs: int
    macs_percent: float
    parameters: int
    parameters_percent: float


@dataclass(frozen=True, slots=True)
class Complexity:
    """What a network costs by some rules; schema "codegen.complexity/1"."""

    model: str
    measure: Measure
    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()

    @property
    def total(self) -> Cost:
        """The sum of the layers."""
        return total(row.cost for row in self.rows)

    @property
    def size_bytes(self) -> int:
        """What the parameters take."""
        return self.measure.bytes_of(self.total.parameters)

    @property
    def output_bytes(self) -> int:
        """The bytes of all layers' outputs."""
        return sum(row.output_bytes for row in self.rows)

    @property
    def packets(self) -> int:
        """The packets that all layers' outputs would take, each sent alone."""
        return sum(row.packets for row in self.rows)

    @property
    def shares(self) -> tuple[Share, ...]:
        """The kinds of layers with weights, each with its part of the MACs and parameters."""
        return tuple(_shares(self.rows))


def count(structure: Structure, measure: Measure | None = None) -> Complexity:
    """Return what the network costs; layers that cost nothing under the rules are left out."""
    measure = measure or Measure()
    costs = ((layer, measure.rules.cost(layer)) for layer in structure.layers)
    rows = tuple(
        _row(layer, cost.for_batch(measure.batch), measure)
        for layer, cost in costs
        if layer.kind in (Kind.INPUT, Kind.CONCAT) or cost != NOTHING
    )
    return Complexity(structure.name, measure, rows, tuple(_notes(structure.layers)))


def _row(layer: Layer, cost: Cost, measure: Measure) -> Row:
    output_bytes = measure.bytes_of(layer.elements * measure.batch)
    return Row(
        layer.name,
        layer.op_type,
        layer.kind,
        layer.output_shape,
        cost,
        measure.bytes_of(cost.parameters),
        output_bytes,
        count_packets(output_bytes, measure.pdu_payload_bytes),
    )


def _shares(rows: Sequence[Row]) -> Iterator[Share]:
    weighted = [row for row in rows if row.kind in MULTIPLYING]
    whole = total(row.cost for row in weighted)
    for kind in MULTIPLYING:
        found = [row for row in weighted if row.kind is kind]
        cost = total(row.cost for row in found)
        if found:
            yield Share(
                kind,
                len(found),
                cost.macs,
                100 * cost.macs / max(1, whole.macs),
                cost.parameters,
                100 * cost.parameters / max(1, whole.parameters),
            )


def _notes(layers: Sequence[Layer]) -> Iterator[str]:
    """Yield what the counts leave out."""
    unknown = Counter(layer.op_type for layer in layers if layer.kind is Kind.UNKNOWN)
    for op_type, times in sorted(unknown.items()):
        yield f"not counted: {op_type}, {times} {'node' if times == 1 else 'nodes'}"
