"""What lowering needs to know of a node: template parameters and constant arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from codegen.ir.fixed_point import Rescale
from codegen.ir.program import Part
from codegen.ir.types import Array


@dataclass(frozen=True, slots=True)
class Data:
    """A constant array: what it is for, C element type, values in storage order, description."""

    role: str
    ctype: str
    values: Array
    comment: str


@dataclass(frozen=True, slots=True)
class Binding:
    """`stem` begins the function's name, `summary` says what it does, `params` fill a template.

    `shape` are the numbers that stand for fields among the parameters, in their order.
    """

    stem: str
    summary: str
    params: Mapping[str, object]
    data: tuple[Data, ...] = field(default=())
    shape: tuple[int, ...] = ()
    parts: tuple[Part, ...] = ()

    @property
    def calls(self) -> tuple[Binding, ...]:
        """The bindings of all calls of the kernel for a row: this one."""
        return (self,)

    def with_calls(self, calls: Sequence[Binding]) -> Binding:
        """Return the one of another call."""
        (call,) = calls
        return call


def rescale_params(rescale: Rescale) -> dict[str, object]:
    """Return what every template that rescales needs."""
    return {
        "scale_up": 1 << rescale.shift,
        "zero": rescale.zero_point,
        "low": rescale.low,
        "high": rescale.high,
        "narrow_by": rescale.down,
    }
