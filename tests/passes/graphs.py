"""Small graphs with random constants, and what passes must not change."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from codegen.ir.evaluate import evaluate
from codegen.ir.graph import Graph
from codegen.ir.text import parse_graph
from codegen.ir.types import Array

RNG = np.random.default_rng(11)


def filled(text: str, **given: Array) -> Graph:
    """Parse a graph whose constants are random, but for those given."""
    empty = parse_graph(text, given)
    random = {
        name: given.get(name, RNG.standard_normal(data.shape).astype(np.float32))
        for name, data in empty.constants.items()
    }
    return parse_graph(text, random)


def unchanged(run: Callable[[Graph], Graph], text: str, **given: Array) -> None:
    graph = filled(text, **given)
    assert run(graph) == graph


def same_results(before: Graph, after: Graph) -> None:
    """Both graphs give the same outputs for inputs of the same order."""
    x = [RNG.standard_normal((2, *before.types[name].shape)) for name in before.inputs]
    expected, found = evaluate(before, x), evaluate(after, x)
    assert list(expected) == list(found)
    for name, wanted in expected.items():
        np.testing.assert_allclose(found[name], wanted, rtol=1e-5, atol=1e-5)
