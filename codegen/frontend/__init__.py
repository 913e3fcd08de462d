"""The only place that knows ONNX and TFLite: a model file becomes a float Graph."""

from codegen.frontend.importer import import_model
from codegen.frontend.inline import inline_functions
from codegen.frontend.load import load_model, load_onnx
from codegen.frontend.shapes import fix_shapes

__all__ = ["fix_shapes", "import_model", "inline_functions", "load_model", "load_onnx"]
