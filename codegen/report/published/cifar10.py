"""The per-layer table of the CIFAR-10 network: operations, bytes, packets, measured times."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal

from codegen.options import RADIO_PAYLOAD_BYTES
from codegen.report.complexity import Layer
from codegen.report.packets import count_packets
from codegen.report.published.counts import (
    macs,
    operations,
    outputs,
    pool_operations,
    weights,
    weights_and_biases,
)
from codegen.report.published.figure import Bench, Figure, Ours, Rounding, Table, of

SPEC = "cifar10_cnn"

Count = Callable[[Sequence[Layer]], float]

SIZES = (
    ("Input", "input", 3072, 27),
    ("L1 Conv", "conv1", 32768, 283),
    ("L1 MaxPool", "pool1", 8192, 71),
    ("L1 ReLU", "pool1_relu", 8192, 71),
    ("L2 Conv", "conv2", 8192, 71),
    ("L2 ReLU", "conv2_relu", 8192, 71),
    ("L2 Pool", "pool2", 2048, 18),
    ("L3 Conv", "conv3", 4096, 36),
    ("L3 ReLU", "conv3_relu", 4096, 36),
    ("L3 Pool", "pool3", 1024, 9),
    ("FC+softmax", "fc", 10, 1),
)
"""Row, layer of the zoo, printed bytes and packets."""
WORK: tuple[tuple[str, str, str, Count, str], ...] = (
    ("L1 Conv", "conv1", "params", weights_and_biases, "2432"),
    ("L1 Conv", "conv1", "ops", operations, "4.9M"),
    ("L1 MaxPool", "pool1", "ops", pool_operations, "73.7K"),
    ("L2 Conv", "conv2", "params", weights_and_biases, "25632"),
    ("L2 Conv", "conv2", "ops", operations, "13.1M"),
    ("L2 Pool", "pool2", "ops", pool_operations, "18.4K"),
    ("L3 Conv", "conv3", "params", weights_and_biases, "51264"),
    ("L3 Conv", "conv3", "ops", operations, "6.6M"),
    ("L3 Pool", "pool3", "ops", pool_operations, "9.2K"),
    ("FC+softmax", "fc", "params", weights, "10240"),
    ("FC+softmax", "fc", "ops", operations, "20K"),
)
TIMES = (
    ("L1 Conv", "conv1", 55, 301),
    ("L1 MaxPool", "pool1", 3, 14),
    ("L2 Conv", "conv2", 79, 427),
    ("L2 Pool", "pool2", 1, 4),
    ("L3 Conv", "conv3", 39, 212),
)
"""Row, layer of the zoo, milliseconds on a Cortex-M7 at 216 MHz and on a Cortex-M4 at 80 MHz, as
the source measured them; less than half a millisecond is not printed."""
TOTALS = (178, 962)
COLUMNS = tuple(zip(*((m7, m4) for _, _, m7, m4 in TIMES), strict=True))
ENTRIES = 7
PAYLOADS = range(60, 140)
"""The payloads of a packet that were tried."""

OF_ENTRIES = Rounding(
    "a sum of seven rounded times",
    lambda printed, ours: abs(Decimal(printed) - Decimal(ours)) * 2 <= ENTRIES,
)


def sizes() -> Iterator[Figure]:
    """Yield the bytes and packets of each output in int8."""
    for row, layer, size, packets in SIZES:
        yield Figure(row, "bytes", str(size), of(SPEC, outputs, layer))
        yield Figure(row, "packets", str(packets), of(SPEC, packets_of, layer))


def times() -> Iterator[Figure]:
    """Yield the measured times; of pools both stand in one cell."""
    for row, _, m7, m4 in TIMES:
        if "Conv" in row:
            yield Figure(row, "ms", str(m7), parameters="216 MHz (M7)", verdict="measured")
            yield Figure(row, "ms", str(m4), parameters="80 MHz (M4)", verdict="measured")
        else:
            yield Figure(row, "ms", f"{m7}/{m4}", parameters="216/80 MHz", verdict="measured")


def packets_of(layers: Sequence[Layer]) -> int:
    """Return the 802.15.4 packets of an int8 output."""
    return count_packets(outputs(layers), RADIO_PAYLOAD_BYTES)


def total_ms(times: Sequence[int]) -> Ours:
    """Return the sum of a column: three convolutions, two pools, and what is printed below 1.

    The third pool and the dense layer cost as much an operation as the layers of their kind before.
    """
    conv1, pool1, conv2, pool2, conv3 = times

    def value(bench: Bench) -> float:
        layers = {layer.name: (layer,) for layer in bench.layers(SPEC)}
        pool3 = pool2 * pool_operations(layers["pool3"]) / pool_operations(layers["pool2"])
        fc = conv3 * macs(layers["fc"]) / macs(layers["conv3"])
        return conv1 + pool1 + conv2 + pool2 + conv3 + pool3 + fc

    return Ours("the times above; third pool and fc by their operations", value)


def find_payload(bench: Bench) -> float:
    """Return the one payload that gives every printed number of packets."""
    (payload,) = (
        payload
        for payload in PAYLOADS
        if all(
            count_packets(outputs(bench.layers(SPEC, layer)), payload) == packets
            for _, layer, _, packets in SIZES
        )
    )
    return payload


CIFAR10_TABLE = Table(
    "CIFAR-10 CNN (dims, params, ops, bytes, packets, ms)",
    "The CIFAR-10 network, layer by layer",
    "Bytes are those of int8 outputs, packets `--pdu 802.15.4`: bytes / 116, rounded up. Parameters"
    " are weights and biases, in the dense layer weights alone. Operations are two a MAC, and one"
    " for each element of a pooling window.",
    (
        *sizes(),
        *(
            Figure(row, metric, printed, of(SPEC, count, layer))
            for row, layer, metric, count, printed in WORK
        ),
        Figure("all rows", "packet payload that fits", "116", Ours("`cifar10_cnn`", find_payload)),
        *times(),
        *(
            Figure("total", "ms", str(total), total_ms(column), clock, OF_ENTRIES)
            for total, column, clock in zip(TOTALS, COLUMNS, ("216 MHz", "80 MHz"), strict=True)
        ),
        Figure(
            "Input",
            "ms",
            "55/301",
            verdict="misprint",
            note="the input takes no time; the figures are those of the first convolution",
        ),
    ),
)
