"""Accuracy: what a network's fixed-point form does on evaluation data, beside the float network."""

from codegen.accuracy.data import Evaluation, load_evaluation
from codegen.accuracy.measure import Accuracy, LayerError, measure_accuracy
from codegen.accuracy.show import accuracy_to_json, render_accuracy

__all__ = [
    "Accuracy",
    "Evaluation",
    "LayerError",
    "accuracy_to_json",
    "load_evaluation",
    "measure_accuracy",
    "render_accuracy",
]
