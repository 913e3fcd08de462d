"""Cases: one node test each, with its inputs and the outputs that ONNX expects."""

from __future__ import annotations

import fnmatch
import warnings
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import onnx
from onnx import numpy_helper
from onnx.backend.test.loader import load_model_tests

from codegen.ir.types import Array


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """A model with one set of data: inputs and expected outputs in the order of its ports.

    What is no tensor (a sequence, an absent optional) is None. `rtol` and `atol` are how far ONNX
    lets floats be from `outputs`.
    """

    name: str
    model: onnx.ModelProto
    inputs: tuple[Array | None, ...]
    outputs: tuple[Array | None, ...]
    rtol: float
    atol: float

    @property
    def operator(self) -> str:
        """The operator that is tested: of an expanded function its name, as ONNX spells it."""
        types = {node.op_type for node in self.model.graph.node}
        return types.pop() if len(types) == 1 else self.stem

    @property
    def stem(self) -> str:
        """The name without what marks tests, and functions that are written out."""
        return self.name.removeprefix("test_").partition("_expanded")[0]


def load_cases(pattern: str = "*") -> tuple[Case, ...]:
    """Return the node tests whose names match, with `test_` in front or without."""
    return tuple(_load(pattern))


def _load(pattern: str) -> Iterator[Case]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tests = load_model_tests(kind="node")
    for test in tests:
        names = (test.name, test.name.removeprefix("test_"))
        if not any(fnmatch.fnmatchcase(name, pattern) for name in names):
            continue
        assert test.model is not None and test.data_sets
        inputs, outputs = (tuple(map(_array, found)) for found in test.data_sets[0])
        yield Case(test.name, test.model, inputs, outputs, test.rtol, test.atol)


def _array(value: object) -> Array | None:
    if isinstance(value, onnx.TensorProto):
        return numpy_helper.to_array(value)
    return np.asarray(value) if isinstance(value, np.ndarray | np.generic) else None
