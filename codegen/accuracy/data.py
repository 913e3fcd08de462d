"""Evaluation data: samples, and their labels where there are any."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from codegen.errors import BadCalibrationData
from codegen.ir.graph import Graph
from codegen.ir.types import Array
from codegen.options import ImageForm
from codegen.quantize import Samples, load_samples
from codegen.quantize.sample_files import load
from codegen.quantize.samples import input_names

LABELS = ("labels", "label", "y")
"""Names under which an .npz may hold the labels of its samples."""


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """Samples, and for each its class, or 1 where it is an anomaly; None where none are known."""

    samples: Samples
    labels: Array | None

    def first(self, count: int | None) -> Evaluation:
        """Return the first `count`, or all."""
        kept = tuple(array[:count] for array in self.samples.arrays)
        labels = None if self.labels is None else self.labels[:count]
        return Evaluation(Samples(kept, self.samples.source), labels)


def load_evaluation(
    path: Path, graph: Graph, labels: str | None = None, images: ImageForm | None = None
) -> Evaluation:
    """Read evaluation data as `load_samples` does, and labels.

    `labels` names an array of the .npz, or an .npy file; by default an array called as in LABELS
    is taken, if there is one. Raises UnreadableFile, BadCalibrationData.
    """
    held = load(path) if path.suffix == ".npz" else {}
    inputs = {name for value in graph.inputs for name in input_names(graph, value)}
    usual = (name for name in LABELS if name not in inputs)
    name = next((key for key in (labels, *usual) if key in held), None)
    found = None
    if labels is not None and name != labels:
        if not labels.endswith(".npy"):
            raise BadCalibrationData(
                f"no array '{labels}'; there are {', '.join(held) or 'none'}",
                where=str(path),
                hint="--labels takes the name of an array of the .npz, or an .npy file",
            )
        found = load(Path(labels))[""]
    elif name is not None:
        found = held[name]
    samples = load_samples(path, graph, images, apart=() if name is None else (name,))
    return Evaluation(samples, None if found is None else check_labels(found, samples, path))


def check_labels(found: Array, samples: Samples, path: Path) -> Array:
    """Return labels as integers (N,); BadCalibrationData unless there is one for each sample."""
    flat = found.reshape(len(found), -1) if found.ndim else found.reshape(1, 1)
    if flat.shape != (samples.count, 1) or not np.array_equal(flat, np.rint(flat)):
        raise BadCalibrationData(
            f"labels of shape {found.shape} and type {found.dtype} for {samples.count} samples",
            where=str(path),
            hint="give one integer for each sample: its class, or 1 where it is an anomaly",
        )
    return flat[:, 0].astype(np.int64)
