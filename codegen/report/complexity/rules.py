"""Rules of counting: what one layer costs, as papers on mobile networks count or as netscope does.

docs/counting.md states both, operator by operator.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields, replace
from operator import attrgetter

from codegen.errors import BadOption
from codegen.report.complexity.layers import MULTIPLYING, Kind, Layer


@dataclass(frozen=True, slots=True)
class Cost:
    """Operations, numbers written (`activations`) and parameters of a layer or of many."""

    macs: int = 0
    comparisons: int = 0
    additions: int = 0
    divisions: int = 0
    exponentials: int = 0
    activations: int = 0
    parameters: int = 0

    def __add__(self, other: Cost) -> Cost:
        return total((self, other))

    def for_batch(self, batch: int) -> Cost:
        """Return the cost of `batch` inputs: all but the parameters as often."""
        times = Cost(*(batch * count for count in COUNTS(self)))
        return replace(times, parameters=self.parameters)


COUNTS = attrgetter(*(field.name for field in fields(Cost)))
"""The counts of a cost, in their order."""


def total(costs: Iterable[Cost]) -> Cost:
    """Return the sum of costs.

    >>> total([Cost(macs=2), Cost(macs=3, parameters=1)]) == Cost(macs=5, parameters=1)
    True
    """
    return Cost(*map(sum, zip(COUNTS(Cost()), *map(COUNTS, costs), strict=True)))


@dataclass(frozen=True, slots=True)
class Rules:
    """A way to count. `bits` is what a number takes in memory unless the user says otherwise."""

    name: str
    summary: str
    bits: int
    cost: Callable[[Layer], Cost]


def mobile_cost(layer: Layer) -> Cost:
    """Count multiply-adds and weights of convolutions and dense layers.

    Batch normalization and biases are part of them; what happens in place writes nothing new.
    """
    n = layer.elements
    if layer.kind in MULTIPLYING:
        return Cost(macs=layer.macs, parameters=layer.weights, activations=n)
    if layer.kind is Kind.AVERAGE_POOL:
        return Cost(additions=n * layer.window, divisions=n, activations=n)
    if layer.kind is Kind.LRN:
        additions = n * layer.size
        return Cost(additions=additions, divisions=n, exponentials=n, activations=n)
    if layer.kind is Kind.ADD and layer.operands > 1:
        return Cost(additions=_additions(layer), activations=n)
    if layer.kind in (Kind.RESIZE, Kind.MOVE) or _is_product(layer):
        return Cost(activations=n)
    return _shared_cost(layer)


def netscope_cost(layer: Layer) -> Cost:
    """Count as the Netscope CNN analyzer does: every node of the network, all that it writes.

    A batch normalization is its two Caffe layers, one that normalizes and one that scales.
    """
    n = layer.elements
    if layer.kind in MULTIPLYING:
        parameters = layer.weights + layer.biases
        return Cost(macs=layer.macs, parameters=parameters, activations=n)
    if layer.kind is Kind.NORMALIZE:
        parameters = layer.constants // 2
        return Cost(n, additions=n, divisions=n, activations=2 * n, parameters=parameters)
    if layer.kind is Kind.LRN:
        macs, divisions = n * layer.size, 2 * n
        return Cost(macs, 0, n, divisions, exponentials=n, activations=n, parameters=2)
    if layer.kind is Kind.DROPOUT:
        return Cost(comparisons=n, activations=n)
    if layer.kind is Kind.AVERAGE_POOL:
        return Cost(additions=n * layer.window, activations=n)
    if layer.kind is Kind.ADD:
        return Cost(additions=_additions(layer), activations=n, parameters=layer.constants)
    if layer.kind is Kind.MULTIPLY:
        return Cost(n, activations=n, parameters=layer.constants)
    written = Cost() if layer.kind in (Kind.VIEW, Kind.UNKNOWN) else Cost(activations=n)
    return _shared_cost(layer) if layer.kind in SHARED else _shared_cost(layer) + written


def _shared_cost(layer: Layer) -> Cost:
    """Return the cost that both ways agree on: that of pools, activations, and softmax."""
    n = layer.elements
    if layer.kind is Kind.MAX_POOL:
        return Cost(comparisons=n * layer.window, activations=n)
    if layer.kind is Kind.SOFTMAX:
        return Cost(additions=n, divisions=n, exponentials=n, activations=n)
    if layer.kind is Kind.ACTIVATE:
        return _activation_cost(layer)
    return Cost()


SHARED = (Kind.MAX_POOL, Kind.SOFTMAX)
"""The kinds whose cost, activations included, is the same in both ways."""


def _activation_cost(layer: Layer) -> Cost:
    """Return the operations of an activation function for all its elements."""
    n = layer.elements
    if layer.op_type == "Clip":
        return Cost(comparisons=n * layer.bounds)
    if layer.op_type in ("Relu", "LeakyRelu", "PRelu", "ThresholdedRelu", "Abs"):
        return Cost(comparisons=n)
    if layer.op_type in ("HardSigmoid", "HardSwish"):
        return Cost(comparisons=2 * n, additions=n)
    if layer.op_type == "Neg":
        return Cost()
    return Cost(additions=n, divisions=n, exponentials=n)


def _additions(layer: Layer) -> int:
    """Return an addition for each element of each operand behind the first."""
    return layer.elements * max(1, layer.operands - 1)


def _is_product(layer: Layer) -> bool:
    """The layer multiplies values by each other, not by constants that fold into weights."""
    return layer.kind is Kind.MULTIPLY and layer.operands > 1


MOBILE = Rules(
    "mobile",
    "multiply-adds and weights of convolutions and dense layers, as papers on mobile networks",
    8,
    mobile_cost,
)
NETSCOPE = Rules(
    "netscope", "every node and its output, as the Netscope CNN analyzer", 32, netscope_cost
)
RULES = (MOBILE, NETSCOPE)


def find_rules(name: str) -> Rules:
    """Return the rules of that name; BadOption."""
    for rules in RULES:
        if rules.name == name:
            return rules
    names = ", ".join(rules.name for rules in RULES)
    raise BadOption(f"there are no rules {name!r}", hint=f"there are {names}")
