"""TFLite files, read into ONNX models in QDQ form."""

from codegen.frontend.tflite.translate import load_tflite

__all__ = ["load_tflite"]
