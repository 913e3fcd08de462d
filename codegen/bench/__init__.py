"""Benchmarks: what networks cost on emulated targets, layer by layer, and what changed."""

from codegen.bench.compare import Comparison, compare_runs, match_runs
from codegen.bench.console import render_comparison, render_runs
from codegen.bench.json_form import SCHEMA, load_runs, runs_to_json
from codegen.bench.measure import measure_model, measure_project
from codegen.bench.run import LayerRun, Run

__all__ = [
    "SCHEMA",
    "Comparison",
    "LayerRun",
    "Run",
    "compare_runs",
    "load_runs",
    "match_runs",
    "measure_model",
    "measure_project",
    "render_comparison",
    "render_runs",
    "runs_to_json",
]
