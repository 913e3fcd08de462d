"""Check a model: run what stages can say without data, and go on where one of them objects."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import onnx

from codegen.check.facts import (
    Fold,
    OpenInput,
    Summary,
    count_unmeasured,
    find_folds,
    find_open,
    summarize,
)
from codegen.check.findings import Finding, find_all
from codegen.errors import BadQuantization, CodegenError, InvalidModel, Problem, UnsupportedOperator
from codegen.frontend import Imported, dynamic_layers, read_model
from codegen.ir.graph import Graph
from codegen.ir.types import DType
from codegen.ops import InFloat
from codegen.options import Options
from codegen.passes import canonicalize
from codegen.quantize.calibrate import unformatted
from codegen.quantize.quantize import quantize
from codegen.quantize.ranges import Ranges
from codegen.schedule.assign import assign_kernels
from codegen.sources import by_known, open_written
from codegen.targets import load_target

GUESS = (-1.0, 1.0)
"""A range for values that only samples can measure; what depends on it is not told."""
PORTABLE = ("generic",)
"""The kernels that every target has."""


@dataclass(frozen=True, slots=True)
class Checked:
    """All that can be said of a model without data.

    `exit_status` is that of the first error that emission would end with, 0 where there is none.
    `unmeasured` of `values` need samples for their formats. `target` is "" where none is named.
    `floats` are the places of layers that compute in floats, as far as formats are known.
    `dynamic` are the nodes of each layer that is quantized while the network runs in the file.
    """

    model: str
    target: str
    findings: tuple[Finding, ...]
    exit_status: int
    folds: tuple[Fold, ...]
    open_inputs: tuple[OpenInput, ...]
    unmeasured: int
    values: int
    summary: Summary
    floats: tuple[str, ...] = ()
    dynamic: tuple[tuple[str, ...], ...] = ()


def check_model(options: Options) -> Checked:
    """Return what is to be said of a model; any CodegenError where it cannot even be opened.

    The target of the options may be "".
    """
    families = load_target(options.target).kernels if options.target else PORTABLE
    written, file = open_written(options), Path(options.model).name
    model = by_known(written)
    imported = _read(model, file)
    graph, errors = imported.graph, list(imported.errors)
    floats: tuple[str, ...] = ()
    refused = {problem.where for error in errors for problem in error.problems}
    try:
        graph = canonicalize(graph)
    except CodegenError as error:
        errors.append(error)
    else:
        later, floats = _later(
            graph, families, options.activations, allow_float=options.float_ops == "allow"
        )
        errors += later
    unmeasured, values = count_unmeasured(graph)
    return Checked(
        options.model_name,
        options.target,
        find_all(errors, model, file),
        errors[0].exit_status if errors else 0,
        find_folds(model, file, graph, imported.constants, refused),
        find_open(model),
        unmeasured,
        values,
        summarize(model, graph, complete=not imported.errors),
        floats,
        dynamic_layers(written),
    )


def _read(model: onnx.ModelProto, file: str) -> Imported:
    """Return what can be read of a model; nothing of one that contradicts itself."""
    try:
        return read_model(model, file)
    except (InvalidModel, UnsupportedOperator) as error:
        return Imported(Graph(model.graph.name or "model", (), (), ()), (error,), frozenset())


def _later(
    graph: Graph, families: tuple[str, ...], activations: str | None, *, allow_float: bool
) -> tuple[list[CodegenError], tuple[str, ...]]:
    """Return what quantization and kernels object to, and the places that compute in floats.

    Formats that are not prescribed are guessed.
    """
    errors: list[CodegenError] = []
    element = None if activations is None else DType(activations)
    ranges = Ranges(dict.fromkeys((*graph.inputs, *(n.output for n in graph.nodes)), GUESS), "")
    while True:
        try:
            fixed = quantize(graph, ranges, activations=element, allow_float=allow_float)
            break
        except (BadQuantization, UnsupportedOperator) as error:
            if isinstance(error, UnsupportedOperator):
                errors.append(error)
            elif known := _without_guesses(graph, error):
                errors.append(BadQuantization.collect(known))
            left = without(graph, {problem.where for problem in error.problems})
            if len(left.nodes) == len(graph.nodes):
                return errors, ()
            graph = left
    try:
        assign_kernels(fixed, families)
    except UnsupportedOperator as error:
        errors.append(error)
    sure = _sure_places(graph)
    found = (str(node.loc) for node in fixed.nodes if isinstance(node.op, InFloat))
    return errors, tuple(place for place in found if place in sure)


def _without_guesses(graph: Graph, error: BadQuantization) -> list[Problem]:
    """Return the problems of nodes whose formats are all known."""
    sure = _sure_places(graph)
    return [problem for problem in error.problems if problem.where in sure]


def _sure_places(graph: Graph) -> set[str]:
    """Return the places of nodes whose formats are all known, or make no difference."""
    guessed = set(unformatted(graph))
    for node in graph.nodes:
        if node.op.keeps_quant and not guessed.isdisjoint(node.inputs):
            guessed.add(node.output)
    return {
        str(node.loc)
        for node in graph.nodes
        if node.op.only_in_float or guessed.isdisjoint((*node.inputs, node.output))
    }


def without(graph: Graph, places: Collection[str]) -> Graph:
    """Return the graph without the nodes of these places: their results become inputs."""
    cut = [node for node in graph.nodes if str(node.loc) in places]
    kept = [node for node in graph.nodes if str(node.loc) not in places]
    made = {node.output for node in kept}
    edges = (*graph.outputs, *(name for node in cut for name in node.inputs))
    return graph.with_nodes(
        kept,
        inputs=(*graph.inputs, *(node.output for node in cut)),
        outputs=tuple(dict.fromkeys(name for name in edges if name in made)),
    )
