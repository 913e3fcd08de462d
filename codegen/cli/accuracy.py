"""codegen accuracy: float network, reference and C on evaluation data."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from codegen.accuracy import (
    accuracy_to_json,
    load_evaluation,
    measure_accuracy,
    render_accuracy,
)
from codegen.cli.console import progress_bar, stdout
from codegen.cli.model import PATH, make_options, model_options
from codegen.pipeline import compile_model


@click.command()
@click.argument("model")
@click.option(
    "--data", type=PATH, required=True, help="Evaluation samples: whatever --calibrate takes."
)
@click.option(
    "--labels",
    metavar="NAME|FILE",
    help="Array of the .npz, or .npy file, with the class of each sample (0 and 1 for anomalies)."
    " Default: labels, label or y, where the .npz has one.",
)
@click.option("--limit", type=click.IntRange(1), help="Take only the first samples.")
@click.option("--json", "as_json", is_flag=True, help="Print all figures as JSON.")
@model_options
def accuracy(
    model: str, data: Path, labels: str | None, limit: int | None, as_json: bool, **given: Any
) -> None:
    r"""Measure what the fixed-point form of MODEL does on evaluation data, beside the float one.

    The float network runs in onnxruntime, the fixed-point one as reference and as C on this
    machine, which have to give the same bytes. With labels: top-1 and top-5; for a network that
    rebuilds its input: the error of that, and how well it tells anomalies apart (AUC). Layers are
    ranked by what they lose.

    \b
    codegen accuracy my_network.onnx --calibrate train.npz --data eval.npz
    """
    with progress_bar() as progress:
        options = replace(make_options(model, "host", {**given, "data": data}), shrink=False)
        compiled = compile_model(options, progress)
        evaluation = load_evaluation(data, compiled.network.graph, labels, options.images)
        evaluation = evaluation.first(limit)
        found = measure_accuracy(compiled, evaluation, progress)
    if as_json:
        click.echo(accuracy_to_json(found), nl=False)
    else:
        render_accuracy(found, stdout())
