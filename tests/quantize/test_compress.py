"""What is asked of weights before they are integers: samples are run where something is."""

from __future__ import annotations

import numpy as np
import pytest

from codegen.ir.graph import Graph
from codegen.ir.text import parse_graph
from codegen.ir.types import Array
from codegen.options import Options, PerLayer
from codegen.quantize import Samples, compress

RNG = np.random.default_rng(3)
SAMPLES = Samples((RNG.normal(size=(5, 16)).astype(np.float32),), "samples")


def dense_layer() -> Graph:
    return parse_graph(
        """
        graph net(x: float32[16]) -> y
          const w: float32[4,16]
          const b: float32[4]
          y = dense(x, w, b) : float32[4]
        """,
        {
            "w": RNG.normal(size=(4, 16)).astype(np.float32),
            "b": RNG.normal(size=4).astype(np.float32),
        },
    )


def test_samples_are_left_alone_where_nothing_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(graph: Graph, samples: Samples) -> tuple[Array, ...]:
        raise AssertionError("samples are prepared for nothing")

    monkeypatch.setattr(compress, "evidence_inputs", fail)
    graph = dense_layer()
    found = compress.compress(graph, Options("net", "host"), SAMPLES)
    assert (found.graph, found.steps, found.outputs) == (graph, (), None)


@pytest.mark.parametrize("synthetic", [False, True])
def test_only_real_samples_tell_what_pruning_costs(synthetic: bool) -> None:
    samples = Samples(SAMPLES.arrays, "samples", synthetic=synthetic)
    options = Options("net", "host", density=PerLayer(0.5))
    found = compress.compress(dense_layer(), options, samples)
    (step,) = found.steps
    assert np.count_nonzero(found.graph.constants["w"]) == 32
    assert (step.sqnr_db is None) == (found.outputs is None) == synthetic
