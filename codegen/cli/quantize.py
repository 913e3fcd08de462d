"""codegen quantize: a model becomes a quantized ONNX file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from codegen.cli.console import progress_bar, stdout
from codegen.cli.model import PATH, make_options, quantization_options
from codegen.project import export_model
from codegen.report.exported import render_export


@click.command()
@click.argument("model")
@click.option("--file", "-o", type=PATH, help="File to write. Default: ./NAME.qdq.onnx.")
@click.option("--force", is_flag=True, help="Replace the file.")
@quantization_options
def quantize(model: str, file: Path | None, force: bool, **given: Any) -> None:
    r"""Quantize MODEL and write it as an ONNX file in QDQ form, to be run or shown elsewhere.

    The file holds the integers that emit would compile: standard operators between QuantizeLinear
    and DequantizeLinear, weights and biases as integers. It is read back, which must give the same
    network, and run in onnxruntime, layer by layer; then it appears.

    \b
    codegen quantize my_network.onnx --calibrate samples.npz -o my_network.qdq.onnx
    codegen emit my_network.qdq.onnx --target cortex-m4
    """
    with progress_bar() as progress:
        options = make_options(model, "host", given)
        path = file or Path(f"{options.identifier}.qdq.onnx")
        network, layers = export_model(options, path, force=force, progress=progress)
    console = stdout()
    render_export(network.graph, network.calibration, layers, console)
    console.print(f"\nwrote {path}", soft_wrap=True)
