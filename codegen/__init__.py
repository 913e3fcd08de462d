"""Compile ONNX networks into fixed-point, static-memory C for microcontrollers.

`codegen.pipeline` is the chain from model to C; read it first. The command `codegen` is
`codegen.cli.main`.
"""

import os

__version__ = "0.1.0"

# Set before anything imports onnxruntime: what it computes here is the user's own affair, and
# its official builds may report it over the network otherwise.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
