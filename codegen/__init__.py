"""Compile ONNX networks into fixed-point, static-memory C for microcontrollers.

`codegen.pipeline` is the chain from model to C; read it first. The command `codegen` is
`codegen.cli.main`.
"""

__version__ = "0.1.0"
