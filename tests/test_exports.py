"""Networks as PyTorch, Keras and scikit-learn export them, against what those made of samples.

`scripts/exports` makes the files: by torch.onnx (the older exporter, and that of torch.export), by
tf2onnx and by skl2onnx. `unfolded_` networks keep their batch norms as they are in training.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import onnx
import pytest

from codegen.frontend import import_model, inline_functions, load_onnx
from codegen.ir.evaluate import evaluate
from codegen.ir.graph import Graph
from codegen.ir.types import Array
from codegen.options import Options
from codegen.passes import canonicalize
from codegen.pipeline import compile_model
from codegen.quantize import Samples, calibrate, graph_inputs, quantize
from codegen.toolchain.host import build_host, run_host
from tests.frontend.compare import graph_values, op_names
from tests.ops.harness import GENERIC, assert_c_equals_reference, merged

FOLDER = Path(__file__).parent / "exports"
NAMES = tuple(sorted(path.stem for path in FOLDER.glob("*.onnx")))
SHARED = ("dynamo", "torch", "unfolded")
"""Exporters of the same networks, whose samples are stored once."""

STEPS = 5
"""A fixed-point result is within so many steps of its format; measured: 4.0."""
DECIBELS = 33
"""The least ratio of a result to its error; measured: 34.1."""


@dataclass(frozen=True)
class Exported:
    """A network as it is read, and its samples with what the framework made of them."""

    model: onnx.ModelProto
    imported: Graph
    graph: Graph
    recorded: dict[str, Array]

    @property
    def samples(self) -> Samples:
        tensors = [self.graph.origins[name].tensor for name in self.graph.inputs]
        return Samples(tuple(self.recorded[tensor] for tensor in tensors), "recorded")

    def expected(self, name: str) -> Array:
        origin = self.graph.origins[name]
        return origin.apply(self.recorded[origin.tensor], self.graph.types[name].shape)


def samples_file(name: str) -> Path:
    exporter, _, network = name.partition("_")
    return FOLDER / f"{network if exporter in SHARED else name}.npz"


@cache
def exported(name: str) -> Exported:
    model = inline_functions(load_onnx(FOLDER / f"{name}.onnx"))
    imported = import_model(model, f"{name}.onnx")
    return Exported(model, imported, canonicalize(imported), dict(np.load(samples_file(name))))


@cache
def quantized(name: str) -> Graph:
    found = exported(name)
    return quantize(found.graph, calibrate(found.model, found.graph, found.samples))


@pytest.mark.parametrize("name", NAMES)
def test_floats_are_those_of_the_framework(name: str) -> None:
    found = exported(name)
    for graph in (found.imported, found.graph):
        values = graph_values(graph, found.recorded)
        for port, shown in zip(graph.outputs, found.graph.outputs, strict=True):
            origin = graph.origins[port]
            expected = origin.apply(found.recorded[origin.tensor], graph.types[port].shape)
            bound = 1e-6 * max(1.0, float(np.abs(expected).max()))
            np.testing.assert_allclose(values[port], expected, rtol=0, atol=bound, err_msg=shown)


@pytest.mark.parametrize("name", NAMES)
def test_fixed_point_is_near_the_floats(name: str) -> None:
    """Integers, the labels of classifiers, are the same."""
    found, graph = exported(name), quantized(name)
    values = evaluate(graph, graph_inputs(graph, found.samples))
    for port in graph.outputs:
        expected, kind = found.expected(port), graph.types[port]
        if kind.is_plain:
            np.testing.assert_array_equal(values[port], expected)
            continue
        assert kind.quant is not None
        error = np.abs(kind.quant.dequantize(values[port]) - expected)
        assert error.max() <= STEPS * kind.quant.scale
        assert 10 * np.log10((expected**2).sum() / (error**2).sum()) >= DECIBELS


TRANSPOSES = {
    "dynamo_attention": 3,
    "dynamo_norm_group": 2,
    "dynamo_pool_adaptive": 1,
    "dynamo_sdpa": 2,
    "keras_attention": 8,
    "torch_attention": 3,
    "torch_norm_group": 2,
    "torch_pool_adaptive": 1,
    "torch_sdpa": 1,
}
"""Where values must move: heads of attention, groups of channels as planes, an image flattened into
a port. Keras has its layer norm in parts, and heads in einsums."""


@pytest.mark.parametrize("name", NAMES)
def test_layouts_need_no_moves(name: str) -> None:
    """Channels are last from port to port; weights behind a Flatten are in that order."""
    assert op_names(exported(name).graph).count("transpose") == TRANSPOSES.get(name, 0)


SAMPLE = ("dynamo_sdpa", "keras_signal", "sklearn_scaled", "torch_conv_transpose", "torch_halves")
"""What is built by default, side by side in one library."""


@pytest.mark.parametrize(
    "names",
    [
        pytest.param(SAMPLE, id="sample"),
        *(
            pytest.param(
                tuple(name for name in NAMES if name.startswith(exporter)),
                id=exporter,
                marks=pytest.mark.slow,
            )
            for exporter in ("dynamo", "keras", "sklearn", "torch")
        ),
    ],
)
def test_c_equals_the_reference(names: tuple[str, ...]) -> None:
    graphs = [quantized(name) for name in names]
    assert_c_equals_reference(merged(graphs), GENERIC, np.random.default_rng(0))


@pytest.mark.parametrize(
    "name",
    [
        name if name == "keras_residual" else pytest.param(name, marks=pytest.mark.slow)
        for name in NAMES
    ],
)
def test_files_run_as_the_user_gets_them(name: str, tmp_path: Path) -> None:
    """Shrunk, planned, by kernels of Armv7E-M in their portable form."""
    options = Options(str(FOLDER / f"{name}.onnx"), "cortex-m7", calibrate=samples_file(name))
    compiled = compile_model(options)
    for file, content in compiled.files.items():
        (tmp_path / file).write_bytes(content.encode() if isinstance(content, str) else content)
    graph = compiled.network.graph
    inputs = graph_inputs(graph, compiled.network.samples)
    found = run_host(build_host(tmp_path, compiled.program.interface, tmp_path), inputs)
    expected = evaluate(graph, inputs)
    for port, values in zip(graph.outputs, found, strict=True):
        np.testing.assert_array_equal(values, expected[port])
