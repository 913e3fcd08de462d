"""Measure what weights in each coding cost on an emulated Cortex-M4: the table of compression.md.

python scripts/coding_cycles.py
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from codegen.emit import Golden, emit
from codegen.ir.coding import CODINGS, Coding, coded_bytes
from codegen.ir.evaluate import evaluate
from codegen.ir.graph import Graph
from codegen.ir.schedule import Step
from codegen.ir.text import parse_graph
from codegen.ir.types import Array
from codegen.lower.spread import lower_into
from codegen.passes.code_weights import code_weights
from codegen.plan import make_plan
from codegen.schedule.assemble import assemble
from codegen.schedule.assign import Assigned, assign_kernels
from codegen.targets import load_target
from codegen.toolchain.cross import build_target
from codegen.toolchain.emulate import emulate

TARGET = "cortex-m4"
LAYERS = {
    "1x1, 64 to 64, 16x16": """
        graph net(x: int8[16,16,64] quant(0.05, 0)) -> y
          const w: int8[64,1,1,64] quant(0.01, 0)
          const b: int32[64] quant(0.0005, 0)
          y = conv2d(x, w, b) : int8[16,16,64] quant(0.5, 0)
        """,
    "3x3, 32 to 32, 16x16": """
        graph net(x: int8[16,16,32] quant(0.05, 0)) -> y
          const w: int8[32,3,3,32] quant(0.01, 0)
          const b: int32[32] quant(0.0005, 0)
          y = conv2d(x, w, b) pads=(1, 1, 1, 1) : int8[16,16,32] quant(0.5, 0)
        """,
    "dense, 512 to 64": """
        graph net(x: int8[512] quant(0.05, 0)) -> y
          const w: int8[64,512] quant(0.01, 0)
          const b: int32[64] quant(0.0005, 0)
          y = dense(x, w, b) : int8[64] quant(0.5, 0)
        """,
}
SPARSE = "huffman, a third of them not zero"


def main() -> None:
    """Print the table as Markdown."""
    print(
        "| Weights | Bytes each | Layer | Cycles a MAC, as bytes | decoded once | by 8 filters |"
        " Cycles to decode a weight |"
    )
    print("|---|---|---|---|---|---|---|")
    for name, text in LAYERS.items():
        for row in rows(name, text):
            print("| " + " | ".join(row) + " |")


def rows(name: str, text: str) -> Iterator[tuple[str, ...]]:
    """Yield a row for each coding of a layer."""
    random = np.random.default_rng(0)
    for kind, coding, density in (
        *((str(coding), coding, 1.0) for coding in CODINGS),
        (SPARSE, Coding("huffman"), 0.33),
    ):
        empty = parse_graph(text)
        weights = draw(random, coding, empty.types["w"].shape, density)
        raw = parse_graph(
            text, {"w": weights, "b": random.integers(-99, 99, len(weights), np.int32)}
        )
        if coded_bytes(weights, coding) >= weights.size:
            continue
        (plain,) = cycles(raw)[:1]
        once, lean = cycles(code_weights(raw, {"y": coding}))
        decoding = (once - plain) / weights.size
        yield (
            kind,
            f"{coded_bytes(weights, coding) / weights.size:.3f}",
            name,
            *(f"{found / raw.macs:.2f}" for found in (plain, once, lean)),
            f"{decoding:.1f}",
        )


def draw(
    random: np.random.Generator, coding: Coding, shape: tuple[int, ...], density: float
) -> Array:
    """Return weights as a quantizer would leave them: about normal, rounded to what has a code."""
    drawn = random.normal(0, 30, shape) * (random.random(shape) < density)
    if coding.kind == "bits" and coding.bits == 1:
        return np.where(drawn < 0, -1, 1).astype(np.int8)
    if coding.kind == "bits":
        half = 1 << (coding.bits - 1)
        return np.rint(drawn / 60 * half).clip(-half, half - 1).astype(np.int8)
    if coding.kind == "codebook":
        step = 256 >> coding.bits
        return ((drawn.clip(-127, 127) // step) * step + step // 2).clip(-127, 127).astype(np.int8)
    return (np.rint(drawn / 4).clip(-31, 31) * 4).astype(np.int8)


def cycles(graph: Graph) -> tuple[int, ...]:
    """Return the cycles of the fastest and of the leanest form of the layer; outputs are right."""
    target = load_target(TARGET)
    assigned = assign_kernels(graph, target.kernels)
    (forms,) = assigned.variants
    rule = forms[0].kernel
    same = [
        form for form in forms if (form.kernel.family, form.kernel.name) == (rule.family, rule.name)
    ]
    return tuple(run(assigned, step) for step in (same[0], same[-1]))


def run(assigned: Assigned, step: Step) -> int:
    """Return the cycles of the layer in a form."""
    target = load_target(TARGET)
    schedule = assemble(replace(assigned, steps=(step,)), (0, 1))
    banner = {"target": TARGET, "model": "net", "digest": ""}
    program = lower_into((), schedule, make_plan(schedule), "net", **banner).program
    x = np.random.default_rng(1).integers(-128, 128, (1, *assigned.graph.types["x"].shape), np.int8)
    expected = evaluate(assigned.graph, [x])
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        for file, text in emit((program,), (Golden((x,), (expected["y"],)),)).items():
            (folder / file).write_text(text, encoding="utf-8")
        found = emulate(build_target(folder, program.interface, target, folder), [x], count=True)
    assert np.array_equal(found.outputs[0], expected["y"])
    assert found.cost is not None
    return found.cost.layers[0].cycles


if __name__ == "__main__":
    main()
