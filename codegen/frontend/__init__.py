"""The only place that knows ONNX: a model file becomes a float Graph."""

from codegen.frontend.importer import import_model
from codegen.frontend.load import load_model, load_onnx

__all__ = ["import_model", "load_model", "load_onnx"]
