"""Quantize: samples, ranges, and the fixed-point graph."""

from codegen.quantize.calibrate import calibrate
from codegen.quantize.quantize import quantize
from codegen.quantize.ranges import Ranges
from codegen.quantize.samples import Samples, Stream, graph_inputs
from codegen.quantize.streams import load_samples, open_stream
from codegen.quantize.synthetic import synthetic_samples

__all__ = [
    "Ranges",
    "Samples",
    "Stream",
    "calibrate",
    "graph_inputs",
    "load_samples",
    "open_stream",
    "quantize",
    "synthetic_samples",
]
