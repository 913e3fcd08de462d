"""Two runs beside each other: what a change of a kernel, a compiler or a network does to cost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from codegen.bench.run import LayerRun, Run


@dataclass(frozen=True, slots=True)
class Figures:
    """Instructions and cycles of a layer or a network."""

    instructions: int
    cycles: int


@dataclass(frozen=True, slots=True)
class Change:
    """A layer or a network before and after; None where one of them lacks it.

    `cycles_ratio`: after / before.
    """

    name: str
    before: Figures | None
    after: Figures | None
    cycles_ratio: float | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """A run and the one it is compared with; `before` and `after` say in words which they are."""

    before: str
    after: str
    total: Change
    layers: tuple[Change, ...]


def match_runs(before: Sequence[Run], after: Sequence[Run]) -> tuple[tuple[Run, Run], ...]:
    """Return pairs of runs of the same network, target and compiler, in the order of `after`."""
    known = {run.place: run for run in before}
    return tuple((known[run.place], run) for run in after if run.place in known)


def compare_runs(before: Run, after: Run) -> Comparison:
    """Return how the second run compares with the first, by layers of the same name."""
    old, new = _by_name(before.layers), _by_name(after.layers)
    names = [*new, *(name for name in old if name not in new)]
    return Comparison(
        before=describe(before),
        after=describe(after),
        total=_change("total", before, after),
        layers=tuple(_change(name, old.get(name), new.get(name)) for name in names),
    )


def describe(run: Run) -> str:
    """Return which network was run, for which target, by which compiler."""
    return f"{run.network} for {run.target}, {run.compiler}"


def _change(name: str, before: Run | LayerRun | None, after: Run | LayerRun | None) -> Change:
    ratio = round(after.cycles / before.cycles, 4) if before and after and before.cycles else None
    return Change(name, _figures(before), _figures(after), ratio)


def _figures(run: Run | LayerRun | None) -> Figures | None:
    return Figures(run.instructions, run.cycles) if run else None


def _by_name(layers: Sequence[LayerRun]) -> dict[str, LayerRun]:
    return dict(zip(_distinct([layer.name for layer in layers]), layers, strict=True))


def _distinct(names: Sequence[str]) -> Iterator[str]:
    """Yield names, those that came before with a number: "relu", "relu (2)"."""
    seen: Counter[str] = Counter()
    for name in names:
        seen[name] += 1
        yield name if seen[name] == 1 else f"{name} ({seen[name]})"
