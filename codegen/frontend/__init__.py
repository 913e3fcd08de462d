"""The only place that knows ONNX and TFLite: a model file becomes a float Graph."""

from codegen.frontend.importer import Imported, import_model, loc_of, read_model
from codegen.frontend.inline import inline_functions
from codegen.frontend.load import load_model, load_onnx
from codegen.frontend.ports import unsigned_ports
from codegen.frontend.raise_dynamic import dynamic_layers, raise_dynamic
from codegen.frontend.shapes import fix_shapes

__all__ = [
    "Imported",
    "dynamic_layers",
    "fix_shapes",
    "import_model",
    "inline_functions",
    "load_model",
    "load_onnx",
    "loc_of",
    "raise_dynamic",
    "read_model",
    "unsigned_ports",
]
