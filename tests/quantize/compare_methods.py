"""Compare the methods of calibration on the real networks, whose folder is the only argument.

Prints the table of docs/quantization.md: top-1 on the evaluation data, and the SQNR of the output.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from codegen.ir.graph import Graph
from codegen.ir.types import Array, DType
from codegen.quantize import calibrate, quantize
from codegen.quantize.clipping import find_method
from codegen.quantize.equalize import equalize
from tests.quantize import real_models as real

NETWORKS = {
    "mlperf_tiny_kws_dscnn_f32": "KWS DS-CNN",
    "mlperf_tiny_ic_resnet8_f32": "IC ResNet-8",
    "cifar10_caffe_m7_f32": "CIFAR-10 Caffe",
    "resnet20_cifar10_f32": "ResNet-20",
    "shufflenetv1_05_g3_cifar10_f32": "ShuffleNet 0.5x",
}
METHODS = ("min-max", "percentile", "mse", "entropy")
PERCENTILE = 99.99


def fixed_point(folder: Path, name: str, method: str) -> Graph:
    """Return a network quantized with the ranges of a method, and repaired, as by default."""
    model, graph = real.open_network(folder, name)
    clip = find_method(method, PERCENTILE, DType.INT8)  # type: ignore[arg-type]
    ranges = calibrate(model, graph, real.calibration(folder, name), clip=clip)
    return quantize(*equalize(graph, ranges))


def figures(found: Array, expected: Array, labels: Array) -> str:
    """Return top-1 in per cent and the SQNR in dB."""
    top1 = (found.reshape(len(found), -1).argmax(axis=1) == labels.ravel()).mean()
    noise = np.square(found - expected.reshape(found.shape)).sum()
    ratio = 10 * np.log10(np.square(expected).sum() / noise)
    return f"{100 * top1:.2f} % / {ratio:.1f} dB"


def main(folder: Path, count: int | None = None) -> None:
    print("| Network | float | " + " | ".join(METHODS) + " |\n|---|---|" + "---|" * len(METHODS))
    for name, title in NETWORKS.items():
        model, graph = real.open_network(folder, name)
        samples = real.evaluation(folder, name, count)
        labels = real.labels(folder, name)[:count].ravel()
        expected = real.run_onnxruntime(model, graph, samples)
        right = (expected.reshape(len(expected), -1).argmax(axis=1) == labels).mean()
        cells = [f"{100 * right:.2f} %"]
        for method in METHODS:
            fixed = fixed_point(folder, name, method)
            cells.append(figures(real.run_fixed(fixed, samples), expected, labels))
        print(f"| {title} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
