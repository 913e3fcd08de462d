"""Export: a fixed-point graph as an ONNX model in QDQ form, which reads back as the same graph."""

from codegen.export.qdq import qdq_model

__all__ = ["qdq_model"]
