"""Random layers on the shared engine: its commands make the reference's bytes."""

from __future__ import annotations

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from codegen.errors import UnsupportedOperator
from codegen.ir.engine import Shape
from codegen.ir.graph import Graph
from codegen.ir.text import parse_graph
from codegen.ir.types import DType, Quant, TensorType
from codegen.ops import AveragePool, Clip, Concat, Function, Requantize, Softmax
from tests.lower.rtl.harness import check
from tests.ops import cases
from tests.ops.harness import op_graph

SHAPES = st.sampled_from(
    (Shape(8, 8, 2), Shape(16, 8, 2), Shape(4, 4, 2), Shape(8, 4, 4), Shape(8, 4, 2, ring=8))
)
LAYERS = {
    "convolutions": cases.convolutions(),
    "depthwise_windows": cases.depthwise_windows(),
    "dense_layers": cases.dense_layers(),
    "pools": cases.pools(),
    "sums": cases.sums(),
}


@pytest.mark.parametrize("kind", LAYERS)
@settings(max_examples=25)
@given(data=st.data())
def test_layer(kind: str, data: st.DataObject) -> None:
    graph: Graph = data.draw(LAYERS[kind])
    try:
        check(graph, data.draw(SHAPES))
    except UnsupportedOperator as error:
        assume("scales sums by less than 4" not in str(error))
        raise


def values(*shape: int, scale: float = 0.05, zero_point: int = 3) -> TensorType:
    return TensorType(shape, DType.INT8, Quant((scale,), zero_point))


OTHERS = (
    op_graph(Softmax(), [values(3, 5, scale=0.1)], (1 / 256, -128)),
    op_graph(Softmax(), [values(200, scale=0.1)], (1 / 256, -128)),
    op_graph(Function(("sigmoid", "x")), [values(3, 4, 5)], (1 / 256, -128)),
    op_graph(Clip(0.0, 1.0), [values(7, 3)], (0.05, 3)),
    op_graph(Requantize(), [values(17)], (0.1, 0)),
    op_graph(Concat(0), [values(2, 3, 4), values(1, 3, 4)], (0.05, 3)),
    op_graph(Concat(1), [values(2, 3, 4), values(2, 1, 4)], (0.05, 3)),
    op_graph(Concat(2), [values(2, 3, 4), values(2, 3, 1)], (0.05, 3)),
    op_graph(AveragePool((23, 31)), [values(23, 31, 9)], (0.05, 3)),
)


@pytest.mark.parametrize("graph", OTHERS, ids=lambda graph: graph.nodes[0].op.name)
@pytest.mark.parametrize("shape", [Shape(8, 8, 2), Shape(8, 4, 4)])
def test_other_layers(graph: Graph, shape: Shape) -> None:
    check(graph, shape, frames=5)


CHAINS = {
    "unsigned ports": """
        graph net(x: uint8[3,4,5] quant(0.05, 131)) -> z
          y = flip_sign(x)
          z = flip_sign(y)
        """,
    "argmax": """
        graph net(x: int8[3,7] quant(0.05, 3)) -> z
          y = reshape(x) shape=(3, 7, 1)
          z = select_indices(y) : int32[3,1,1] quant(1.0, 0)
        """,
    "in place, and read again": """
        graph net(x: int8[5,5,3] quant(0.05, 3)) -> u
          y = clip(x) high=1.0 : int8[5,5,3] quant(0.05, 3)
          z = add(y, x) : int8[5,5,3] quant(0.1, 3)
          u = add(z, y) : int8[5,5,3] quant(0.1, 0)
        """,
    "joined channels": """
        graph net(x: int8[5,5,3] quant(0.05, 3)) -> u
          y = clip(x) high=1.0 : int8[5,5,3] quant(0.05, 3)
          z = max_pool(x) kernel_shape=(3, 3) pads=(1, 1, 1, 1) : int8[5,5,3] quant(0.05, 3)
          u = concat(y, z, x) axis=2 : int8[5,5,9] quant(0.05, 3)
        """,
}


@pytest.mark.parametrize("text", CHAINS.values(), ids=CHAINS)
def test_chain(text: str) -> None:
    check(parse_graph(text), frames=5)
