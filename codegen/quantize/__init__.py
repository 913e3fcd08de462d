"""Quantize: samples, ranges, and the fixed-point graph."""

from codegen.quantize.calibrate import calibrate
from codegen.quantize.quantize import quantize
from codegen.quantize.ranges import Ranges
from codegen.quantize.samples import Samples, graph_inputs, load_samples
from codegen.quantize.synthetic import synthetic_samples

__all__ = [
    "Ranges",
    "Samples",
    "calibrate",
    "graph_inputs",
    "load_samples",
    "quantize",
    "synthetic_samples",
]
