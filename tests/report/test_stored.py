"""The report tells how weights are stored, and which stay a byte each though a coding was asked."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
from onnx import TensorProto
from rich.console import Console

from codegen.ir.coding import Coding
from codegen.options import Options
from codegen.passes.code_weights import code_weights
from codegen.pipeline import compile_model
from codegen.project import describe
from codegen.report.console import render_report
from codegen.report.stored import coding_notes
from codegen.schedule import make_schedule
from tests.frontend.test_int4 import write_int4


def test_a_layer_tells_its_coding_and_bytes(tmp_path: Path) -> None:
    model = write_int4(tmp_path / "net.onnx", TensorProto.INT4, 0)
    report = describe(compile_model(Options(str(model), "cortex-m4")))
    (layer,) = (layer for layer in report.layers if layer.op == "dense")
    assert (layer.coding, layer.weights_bytes, layer.raw_weights_bytes) == ("bits 4", 384, 768)
    text = io.StringIO()
    render_report(report, Console(width=140, file=text))
    assert "bits 4" in text.getvalue()


def test_a_coding_that_loses_is_noted(tmp_path: Path) -> None:
    model = write_int4(tmp_path / "net.onnx", TensorProto.INT4, 0)
    graph = compile_model(Options(str(model), "cortex-m4")).schedule.graph
    (node,) = (node for node in graph.nodes if node.op.name == "dense")
    noise = np.random.default_rng(0).integers(-127, 128, (24, 32)).astype(np.int8)
    graph = replace(graph, constants={**graph.constants, node.inputs[1]: noise})
    graph = code_weights(graph, {node.output: Coding("huffman")})
    (note,) = coding_notes(make_schedule(graph, ("generic",)))
    assert "stay a byte each, 768 bytes: huffman would take" in note
