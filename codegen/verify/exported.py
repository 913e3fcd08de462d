"""What an exported model is: the same fixed-point graph once read, and nearly so in onnxruntime."""

from __future__ import annotations

import onnx

from codegen.errors import VerificationFailed
from codegen.frontend import import_model
from codegen.ir.graph import Graph
from codegen.passes import canonicalize
from codegen.quantize import Samples, quantize
from codegen.quantize.calibrate import unformatted
from codegen.quantize.layerwise import LayerDifference, compare_layers
from codegen.verify.same_graph import find_difference


def check_exported(
    model: onnx.ModelProto, graph: Graph, samples: Samples
) -> tuple[LayerDifference, ...]:
    """Return how far each layer of the fixed-point `graph` is from `model` in onnxruntime.

    Raises VerificationFailed where the model does not read back as the graph.
    """
    found = canonicalize(import_model(model, "the exported model"))
    bare = unformatted(found)
    fixed = found if bare else quantize(found, allow_float=True)
    difference = f"'{bare[0]}' has no format" if bare else find_difference(graph, fixed)
    if difference:
        raise VerificationFailed("the exported model reads back as another", where=difference)
    return compare_layers(model, fixed, samples)
