"""A small network with every operator, as a fixed-point graph."""

from __future__ import annotations

import numpy as np

from codegen.ir.graph import Graph, Node
from codegen.ir.op import Op
from codegen.ir.types import Array, Loc, TensorType
from codegen.ops import (
    Add,
    AveragePool,
    Clip,
    Concat,
    Conv2d,
    Dense,
    Lrn,
    MaxPool,
    Pad,
    Requantize,
    Reshape,
    Resize,
    Slice,
    Softmax,
    Transpose,
)
from tests.ops.harness import int8, linear_constants


class Builder:
    """Collects nodes over one input."""

    def __init__(self, x: TensorType) -> None:
        self.rng = np.random.default_rng(0)
        self.types: dict[str, TensorType] = {"x": x}
        self.constants: dict[str, Array] = {}
        self.nodes: list[Node] = []

    def add(
        self,
        op: Op,
        inputs: tuple[str, ...],
        output: str,
        *,
        weights: tuple[int, ...] = (),
        format: tuple[float, int] = (0.3, -5),
    ) -> None:
        """Append a node; a weighted one gets random weights and biases."""
        names = list(inputs)
        if weights:
            quant = self.types[inputs[0]].quant
            assert quant is not None
            for role, (data, kind) in zip(
                "wb", linear_constants(self.rng, weights, quant.scale), strict=True
            ):
                names.append(f"{output}_{role}")
                self.types[names[-1]], self.constants[names[-1]] = kind, data
        shape = op.infer(*(self.types[name] for name in names)).shape
        self.types[output] = int8(shape, *format)
        loc = Loc("net.onnx", f"node */ {output}", op.name)
        self.nodes.append(Node(op, tuple(names), output, loc))

    def graph(self, *outputs: str) -> Graph:
        """Return the network collected so far."""
        return Graph("net", ("x",), outputs, tuple(self.nodes), self.types, self.constants)


def every_operator() -> Graph:
    """Return one network, image to scores, with every operator and both outputs of a branch."""
    b = Builder(int8((16, 17, 3), 0.05, -3))
    b.add(Conv2d((2, 2), (0, 0, 1, 1)), ("x",), "c1", weights=(8, 3, 3, 3))
    narrow = Conv2d((1, 1), (1, 1, 1, 1), group=8, clamp=(0.0, 6.0))
    b.add(narrow, ("c1",), "d1", weights=(8, 3, 3, 1), format=(0.1, -128))
    b.add(Conv2d(), ("d1",), "p1", weights=(16, 1, 1, 8))
    b.add(Conv2d((2, 2), (1, 1, 1, 1), group=16), ("p1",), "d2", weights=(16, 3, 3, 1))
    b.add(Conv2d((1, 1), (2, 2, 2, 2), group=16), ("d2",), "d3", weights=(16, 5, 5, 1))
    b.add(Conv2d((1, 1), (1, 1, 1, 1), group=2), ("d3",), "g1", weights=(16, 3, 3, 8))
    b.add(Conv2d(group=2, interleave=True), ("g1",), "g2", weights=(16, 1, 1, 8))
    b.add(Add(), ("g2", "d2"), "a1")
    b.add(MaxPool((2, 2), (2, 2)), ("a1",), "m1")
    b.add(Concat(2), ("m1", "m1"), "k1")
    b.add(Pad((1, 0, 0), (0, 1, 0)), ("k1",), "k2")
    b.add(AveragePool((3, 3), (1, 1), (1, 1, 1, 1)), ("k2",), "v1")
    b.add(Lrn(), ("v1",), "l1")
    b.add(Resize((11, 7), (3, -1, 4), (1, 0, 2), linear=True), ("l1",), "z1")
    b.add(Resize((5, 4), (2, 1, 1), (3, 0, 2)), ("z1",), "z2")
    b.add(Slice((1, 3, 15), (2, 2, 7), (2, -3, -2)), ("z2",), "s1")
    b.add(Transpose((2, 0, 1)), ("s1",), "t1")
    b.add(Clip(), ("t1",), "t2", format=(0.2, -128))
    b.add(Requantize(), ("t2",), "t3", format=(0.25, 0))
    elements = b.types["t3"].elements
    b.add(Reshape((elements,)), ("t3",), "r1", format=(0.25, 0))
    b.add(Dense(), ("r1",), "f1", weights=(10, elements), format=(3.0, 2))
    b.add(Softmax(), ("f1",), "y", format=(1 / 256, -128))
    return b.graph("y", "a1")
