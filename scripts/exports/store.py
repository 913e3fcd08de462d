"""Where exported networks are kept, with samples and what the framework makes of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx

FOLDER = Path(__file__).resolve().parents[2] / "tests" / "exports"
SAMPLES = 3
STEP = 1 / 32
"""Samples are multiples of it: they compress well, and int8 holds them with little loss."""


def draw(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Return normal samples of that shape in steps of STEP, up to 4 in size."""
    reals = np.clip(rng.standard_normal((SAMPLES, *shape)), -4, 4 - STEP)
    return (np.rint(reals / STEP) * STEP).astype(np.float32)


def store(
    name: str,
    model: onnx.ModelProto,
    inputs: Mapping[str, np.ndarray],
    outputs: Mapping[str, np.ndarray],
    samples: str = "",
) -> None:
    """Write a network without its exporter's notes, which name files of the machine.

    `samples` is the name under which samples go that other networks share.
    """
    for proto in (model, model.graph, *model.graph.node, *model.graph.value_info):
        proto.ClearField("doc_string")
        if "metadata_props" in proto.DESCRIPTOR.fields_by_name:
            proto.ClearField("metadata_props")
    for function in model.functions:
        for node in (function, *function.node):
            node.ClearField("doc_string")
            node.ClearField("metadata_props")
    onnx.checker.check_model(model)
    expected = [value.name for value in model.graph.output]
    assert set(expected) == set(outputs), (expected, list(outputs))
    FOLDER.mkdir(exist_ok=True)
    onnx.save(model, FOLDER / f"{name}.onnx")
    np.savez_compressed(FOLDER / f"{samples or name}.npz", **inputs, **outputs)
    size = (FOLDER / f"{name}.onnx").stat().st_size
    print(f"{name}: {len(model.graph.node)} nodes, {size} bytes")
