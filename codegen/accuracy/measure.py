"""Measure: run float network, reference and host C on the same samples, and compare."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from codegen.accuracy.data import Evaluation
from codegen.accuracy.metrics import Confusion, Noise, area_under_curve, confusions, top_k
from codegen.emit.folder import write_files
from codegen.errors import VerificationFailed
from codegen.ir.evaluate import evaluate
from codegen.ir.graph import Graph
from codegen.ir.types import Array
from codegen.ops import FlipSign
from codegen.pipeline import Compiled
from codegen.progress import Progress, silent
from codegen.quantize import Samples, graph_inputs
from codegen.quantize.layerwise import evaluate_nodes
from codegen.quantize.probe import Probe, as_reals, open_probe
from codegen.verify.check import Subject, check_host
from codegen.verify.inputs import Inputs, run_reference

LAYER_SAMPLES = 64
"""Samples on which layers are compared: enough for ratios of sums over all their elements."""
CHUNK = 16
"""Samples that the reference computes together; bounds the memory of accumulators."""


@dataclass(frozen=True, slots=True)
class Scores:
    """What one form of the network does: shares of right answers, None where none are known.

    `reconstruction` is the mean squared error between output and input, where both have one
    shape; `auc` the area under the ROC curve of that error as a sign of anomalies.
    """

    form: str
    top1: float | None = None
    top5: float | None = None
    reconstruction: float | None = None
    auc: float | None = None


@dataclass(frozen=True, slots=True)
class OutputError:
    """How far an output of the fixed-point network is from that of the float one."""

    name: str
    mean_squared_error: float
    sqnr_db: float


@dataclass(frozen=True, slots=True)
class LayerError:
    """How far a layer's result is from the float network's, as signal to noise in dB.

    `sqnr_db` with all errors from the input on; `alone_db` those of the layer itself, fed with
    what the float network computed.
    """

    name: str
    op: str
    sqnr_db: float
    alone_db: float


@dataclass(frozen=True, slots=True)
class Accuracy:
    """All that was measured; `layers` are those whose result the ONNX file shows, worst first.

    `agreement` is the share of samples that float and fixed-point network put in one class, None
    for a network without classes.
    """

    model: str
    data: str
    samples: int
    labelled: bool
    scores: tuple[Scores, ...]
    agreement: float | None
    outputs: tuple[OutputError, ...]
    layers: tuple[LayerError, ...]
    confusions: tuple[Confusion, ...]


def measure_accuracy(compiled: Compiled, data: Evaluation, progress: Progress = silent) -> Accuracy:
    """Run a network's three forms on the samples: onnxruntime, reference, and C on the host.

    Raises VerificationFailed where C and reference differ in any output byte, and MissingTool
    without a C compiler.
    """
    network = compiled.network
    graph, samples = network.graph, data.samples
    inputs = graph_inputs(graph, samples)
    expected, layers = run_float(compiled, samples, inputs, progress)
    labels = tuple(f"sample {index}" for index in range(samples.count))
    given = Inputs(labels, inputs)
    fixed = run_reference(graph, given, progress, together=CHUNK)
    prove_host(compiled, given, fixed, progress)
    reals = {
        name: real(graph, name, value) for name, value in zip(graph.outputs, fixed, strict=True)
    }
    first = graph.outputs[0]
    classes = [(array[first].reshape(samples.count, -1)) for array in (expected, reals)]
    is_classifier = classes[0].shape[1] > 1 and not is_autoencoder(graph, data)
    changed = confusions(*classes) if is_classifier else ()
    kept = samples.count - sum(pair.samples for pair in changed)
    forms = (("float", expected), ("fixed point", reals), ("host C", reals))
    return Accuracy(
        model=network.options.model_name,
        data=samples.source,
        samples=samples.count,
        labelled=data.labels is not None,
        scores=tuple(score(form, graph, data, found) for form, found in forms),
        agreement=kept / samples.count if is_classifier else None,
        outputs=tuple(output_error(name, expected[name], reals[name]) for name in graph.outputs),
        layers=layers,
        confusions=changed,
    )


def run_float(
    compiled: Compiled, samples: Samples, inputs: Sequence[Array], progress: Progress
) -> tuple[dict[str, Array], tuple[LayerError, ...]]:
    """Return the outputs of the ONNX model as reals, and what layers lose, the worst first."""
    graph = compiled.network.graph
    layers = (node for node in graph.nodes if not isinstance(node.op, FlipSign))
    shown = [node.output for node in layers if node.output in graph.origins]
    names = dict.fromkeys((*graph.inputs, *graph.outputs, *shown))
    model = compiled.network.model
    probe = open_probe(model, [graph.origin(name).tensor for name in names])
    last = open_probe(model, [graph.origin(name).tensor for name in graph.outputs])
    errors = LayerErrors(graph, tuple(shown))
    rows: list[list[Array]] = []
    for index in range(samples.count):
        progress("running the float network", index, samples.count)
        if index >= LAYER_SAMPLES:
            values = float_values(graph, graph.outputs, last, samples, index)
        else:
            values = float_values(graph, tuple(names), probe, samples, index)
            errors.add(values, [array[index : index + 1] for array in inputs])
        rows.append([values[name] for name in graph.outputs])
    columns = (np.concatenate(column) for column in zip(*rows, strict=True))
    return dict(zip(graph.outputs, columns, strict=True)), errors.ranked()


def float_values(
    graph: Graph, names: Sequence[str], probe: Probe, samples: Samples, index: int
) -> dict[str, Array]:
    """Return values of the ONNX model for one sample, as the graph has them, in reals."""
    quants = [graph.types[name].quant for name in graph.inputs]
    tensors = probe.run(samples.one(index), quants)
    found = {}
    for name in names:
        origin = graph.origin(name)
        kind = graph.types[name]
        found[name] = as_reals(kind, origin.one(tensors[origin.tensor], kind.shape))
    return found


class LayerErrors:
    """Noise of layers, added up over samples."""

    def __init__(self, graph: Graph, names: tuple[str, ...]) -> None:
        self.graph = graph
        self.names = names
        self.whole = {name: Noise() for name in names}
        self.alone = {name: Noise() for name in names}

    def add(self, values: Mapping[str, Array], inputs: Sequence[Array]) -> None:
        """Compare one sample: `values` of the float network, `inputs` of the fixed-point one."""
        graph = self.graph
        found = evaluate(graph, inputs, self.names)
        shown = {name: integers(graph, name, values[name]) for name in self.names}
        shown |= dict(zip(graph.inputs, inputs, strict=True))
        own = {node.output: result for node, result in evaluate_nodes(graph, shown)}
        for name in self.names:
            self.whole[name].add(values[name], real(graph, name, found[name]))
            self.alone[name].add(values[name], real(graph, name, own[name]))

    def ranked(self) -> tuple[LayerError, ...]:
        producers = self.graph.producers()
        layers = (
            LayerError(
                name, producers[name].op.name, self.whole[name].sqnr_db, self.alone[name].sqnr_db
            )
            for name in self.names
        )
        return tuple(sorted(layers, key=lambda layer: layer.sqnr_db))


def prove_host(
    compiled: Compiled, inputs: Inputs, expected: tuple[Array, ...], progress: Progress
) -> None:
    """Run the C on the host; VerificationFailed where a byte of its outputs is another."""
    progress("running the C", 0, 1)
    network = compiled.network
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        write_files(folder, compiled.files)
        subject = Subject(
            folder,
            compiled.program.interface,
            network.graph,
            network.target.kernels,
            inputs,
            expected,
        )
        difference = check_host(subject).difference
    if difference is not None:
        raise VerificationFailed("reference and host C differ", where=str(difference))


def score(form: str, graph: Graph, data: Evaluation, outputs: Mapping[str, Array]) -> Scores:
    """Return how right the outputs of one form are."""
    found = outputs[graph.outputs[0]].reshape(data.samples.count, -1)
    if is_autoencoder(graph, data):
        inputs = real_input(graph, data.samples).reshape(found.shape)
        errors = np.square(found - inputs).mean(axis=1)
        labels = data.labels
        auc = None if labels is None else area_under_curve(errors, labels)
        return Scores(form, reconstruction=float(errors.mean()), auc=auc)
    if data.labels is None or found.shape[1] < 2:
        return Scores(form)
    top5 = top_k(found, data.labels, 5) if found.shape[1] > 5 else None
    return Scores(form, top_k(found, data.labels, 1), top5)


def is_autoencoder(graph: Graph, data: Evaluation) -> bool:
    """The only output has as many elements as the only input, and labels tell no more than two."""
    if len(graph.inputs) != 1 or len(graph.outputs) != 1 or graph.inputs == graph.outputs:
        return False
    sizes = {graph.types[name].elements for name in (*graph.inputs, *graph.outputs)}
    is_binary = data.labels is None or set(np.unique(data.labels)) <= {0, 1}
    return len(sizes) == 1 and is_binary


def real_input(graph: Graph, samples: Samples) -> Array:
    """Return the samples of the only input as reals, in the layout of the graph."""
    (name,) = graph.inputs
    value = graph.types[name]
    shown = graph.origin(name).apply(samples.arrays[0], value.shape)
    found: Array = (shown if shown.dtype.kind == "f" else real(graph, name, shown)).astype(float)
    return found


def output_error(name: str, expected: Array, found: Array) -> OutputError:
    """Return how far an output is from the float network's."""
    noise = Noise()
    noise.add(expected, found)
    return OutputError(name, noise.mean_squared_error, noise.sqnr_db)


def real(graph: Graph, name: str, array: Array) -> Array:
    """Return the reals that a value's integers stand for."""
    quant = graph.types[name].quant
    return array if quant is None else quant.dequantize(array)


def integers(graph: Graph, name: str, array: Array) -> Array:
    """Return reals in the format of a value; integers that stand for themselves stay."""
    value = graph.types[name]
    if value.quant is None or value.is_plain:
        return array.astype(value.dtype.numpy)
    return value.quant.quantize(array, value.dtype)
