"""Published figures: what a source prints, what the zoo gives, and when the two agree."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

from codegen import zoo
from codegen.report.complexity import (
    NETSCOPE,
    Complexity,
    Layer,
    Measure,
    Structure,
    count,
    read_structure,
)
from codegen.zoo.spec import parse_spec

Verdict = Literal[
    "agrees", "computed", "misprint", "differs", "inconsistent", "not derivable", "measured"
]
"""`computed`: the source prints nothing; `differs`: derivable, and not what is printed."""

UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "B": 10**9}


@dataclass(frozen=True, slots=True)
class Bench:
    """The zoo, each network read once; `structures` remembers them."""

    structures: dict[str, Structure] = field(default_factory=dict)

    def structure(self, spec: str) -> Structure:
        """Return the structure of a zoo network, written with its options."""
        if spec not in self.structures:
            name, options = parse_spec(spec)
            model = zoo.build(name, options, weights=False)
            self.structures[spec] = read_structure(model, spec)
        return self.structures[spec]

    def layers(self, spec: str, prefix: str = "") -> tuple[Layer, ...]:
        """Return the layers whose names begin with `prefix`."""
        found = [x for x in self.structure(spec).layers if x.name.startswith(prefix)]
        assert found, f"{spec} has no layer {prefix}"
        return tuple(found)

    def netscope(self, spec: str, batch: int = 1) -> Complexity:
        """Return what a network costs by netscope's rules."""
        return count(self.structure(spec), Measure(NETSCOPE, batch, NETSCOPE.bits))


@dataclass(frozen=True, slots=True)
class Ours:
    """How a figure follows from the zoo: in words, and as a function. Text is of shapes."""

    how: str
    value: Callable[[Bench], float | str]


@dataclass(frozen=True, slots=True)
class Rounding:
    """When a printed figure is ours; `label` tells it unless it is rounding to the nearest."""

    label: str
    agrees: Callable[[str, float], bool]


@dataclass(frozen=True, slots=True)
class Figure:
    """One cell of a published table: the row's network and parameters, the column's metric."""

    network: str
    metric: str
    printed: str
    ours: Ours | None = None
    parameters: str = ""
    rounding: Rounding | None = None
    verdict: Verdict = "agrees"
    note: str = ""

    def is_met(self, value: float | str) -> bool:
        """The printed figure is `value` at the precision printed."""
        if isinstance(value, str):
            return value == self.printed
        return (self.rounding or NEAREST).agrees(self.printed, value)


@dataclass(frozen=True, slots=True)
class Table:
    """A published table: `key` is its short name, `convention` says how it counts."""

    key: str
    title: str
    convention: str
    figures: tuple[Figure, ...]


def of(spec: str, figure: Callable[[Sequence[Layer]], float], prefix: str = "") -> Ours:
    """Return a figure of a zoo network, or of its layers whose names begin with `prefix`."""
    part = f", layers `{prefix}*`" if prefix else ""
    return Ours(f"`{spec}`{part}", lambda bench: figure(bench.layers(spec, prefix)))


def parse_printed(text: str) -> tuple[Decimal, Decimal]:
    """Return a printed number and the unit of its last digit.

    >>> parse_printed("861.34M")
    (Decimal('861340000.00'), Decimal('10000.00'))
    >>> parse_printed("1:510")
    (Decimal('510'), Decimal('1'))
    """
    match = re.fullmatch(r"(?:1:)?([\d,]+(?:\.\d+)?)([KMGB]?)", text)
    assert match, text
    digits = Decimal(match[1].replace(",", ""))
    unit = Decimal(1).scaleb(int(digits.as_tuple().exponent))
    return digits * UNITS[match[2]], unit * UNITS[match[2]]


def significant(text: str) -> int:
    """Return the digits that a printed number shows, zeros at its ends left out.

    >>> significant("15300M"), significant("62"), significant("800")
    (3, 2, 1)
    """
    return len(re.sub(r"\D", "", text.removeprefix("1:")).strip("0"))


def _is_nearest(printed: str, ours: float) -> bool:
    value, unit = parse_printed(printed)
    return abs(Decimal(ours) - value) * 2 <= unit


def _is_truncated(printed: str, ours: float) -> bool:
    value, unit = parse_printed(printed)
    return value <= Decimal(ours) < value + unit


def _is_in_digits(printed: str, ours: float) -> bool:
    value, _ = parse_printed(printed)
    return Decimal(f"{ours:.{significant(printed) - 1}e}") == value


def _is_truncated_to_digits(printed: str, ours: float) -> bool:
    value, _ = parse_printed(printed)
    unit = Decimal(1).scaleb(value.adjusted() - significant(printed) + 1)
    return value <= Decimal(ours) < value + unit


def _is_within(printed: str, ours: float) -> bool:
    value, _ = parse_printed(printed)
    return abs(Decimal(ours) / value - 1) < Decimal("0.0003")


def _is_between(printed: str, ours: float) -> bool:
    low, high = map(float, re.findall(r"\d+", printed)[:2])
    return low <= ours <= high


NEAREST = Rounding("", _is_nearest)
TRUNCATED = Rounding("the source truncates", _is_truncated)
DIGITS = Rounding("zeros at the end are not significant", _is_in_digits)
TRUNCATED_DIGITS = Rounding("truncated to the digits before the zeros", _is_truncated_to_digits)
WITHIN = Rounding("within 0.03 %", _is_within)
BETWEEN = Rounding("a range", _is_between)
