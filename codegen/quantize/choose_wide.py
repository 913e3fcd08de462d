"""Choose wide values: 16 bits for those few values whose 8 bits cost the outputs most.

Each value is rounded alone to its format in the float network, computed from there on; what the
outputs are off then is its noise. Where one value makes most of it, as narrow layers do that all
later ones depend on, 16 bits there are worth more than better weights everywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

from codegen.errors import BadOption
from codegen.ir.evaluate import evaluate as evaluate_graph
from codegen.ir.graph import Graph
from codegen.ir.types import DType
from codegen.quantize.effort import efforts
from codegen.quantize.ranges import Evidence, Progress
from codegen.quantize.sensitivity import Outputs, decibels, noise_of, observe, rerun, run_on

Widened = Callable[[Collection[str]], Graph]
"""The fixed-point network in which these values have 16 bits."""
MARGIN = 0.8
"""What is aimed at, as part of the noise allowed: noises add up only nearly."""


def find_wide(
    network: Graph,
    fixed: Graph,
    evidence: Evidence,
    least_db: float,
    widened: Widened,
    progress: Progress | None = None,
) -> tuple[tuple[str, ...], Graph]:
    """Return the values of a float network that get 16 bits to keep a ratio of signal to noise.

    With them is the network so quantized; `fixed` is that of 8 bits. The loudest come first, and
    no more than it takes. BadOption where all do not suffice.
    """
    names, allowed = widenable(network, fixed), noise_of(least_db)
    after = efforts(fixed)
    outputs = observe(network, evidence, sum(after.get(name, 0.0) for name in names))
    noise = outputs.noise(fixed, run_on(fixed, outputs))
    if noise <= allowed:
        return (), fixed
    alone = value_noises(network, fixed, names, outputs, progress)
    left = sorted(alone, key=lambda name: -alone[name])
    wide: list[str] = []
    while left and noise > allowed:
        expected = noise
        while left and expected > MARGIN * allowed:
            wide.append(left.pop(0))
            expected -= alone[wide[-1]]
        fixed = widened(wide)
        noise = outputs.noise(fixed, run_on(fixed, outputs))
    if noise > allowed:
        raise BadOption(
            f"--sqnr: with all values in 16 bits there are {decibels(noise):.1f} dB, less than the"
            f" {least_db:.1f} dB asked for",
            hint="ask for less",
        )
    return tuple(wide), fixed


def value_noises(
    network: Graph,
    fixed: Graph,
    names: Sequence[str],
    outputs: Outputs,
    progress: Progress | None = None,
) -> Mapping[str, float]:
    """Return the noise that each of the values makes in the format of 8 bits that it has."""
    base = evaluate_graph(
        network, outputs.inputs, (*network.inputs, *(node.output for node in network.nodes))
    )
    found: dict[str, float] = {}
    for index, name in enumerate(names):
        if progress is not None:
            progress(index, len(names))
        quant = fixed.types[name].quant
        assert quant is not None
        rounded = quant.dequantize(quant.quantize(base[name], DType.INT8))
        after = rerun(network, {name: rounded.astype(base[name].dtype)}, base, outputs.names)
        found[name] = outputs.distance(after)
    return found


def widenable(network: Graph, fixed: Graph) -> tuple[str, ...]:
    """Return the values of 8 bits that nodes make, not move, and that all who read can widen.

    Outputs keep their type, and what only moves to one.
    """
    readers, delivered = network.consumers(), set(network.outputs)
    for node in reversed(network.nodes):
        if node.output in delivered and node.op.keeps_quant:
            delivered.update(node.inputs)
    return tuple(
        node.output
        for node in network.nodes
        if node.output not in delivered
        and not node.op.keeps_quant
        and network.types[node.output].quant is None
        and fixed.types[node.output].dtype is DType.INT8
        and all(near.op.takes_int16() for near in (node, *readers.get(node.output, ())))
    )
