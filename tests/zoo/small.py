"""Every network that can be deployed, small enough for a test."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import onnx
import onnxruntime

from codegen.ir.types import Array
from codegen.zoo.draw import draw_images

Options = Mapping[str, object]
Case = tuple[str, Options]

IMAGE = {"resolution": 64, "classes": 10}
TINY = {"resolution": 48, "classes": 4}
SQUEEZENETS: tuple[Case, ...] = tuple(
    ("squeezenet", {"version": version, "bypass": bypass, **TINY})
    for version in ("1.0", "1.1")
    for bypass in ("none", "simple", "complex")
)
SHUFFLENETS: tuple[Case, ...] = tuple(
    ("shufflenet_v1", {"groups": groups, "scale": 0.25, **IMAGE}) for groups in (1, 3, 8)
)
DETECTORS: tuple[Case, ...] = tuple(
    ("ssdlite", {"backbone": backbone, "alpha": 0.25, "resolution": 64, "classes": 5})
    for backbone in ("mobilenet_v1", "mobilenet_v2")
)
SEGMENTERS: tuple[Case, ...] = tuple(
    ("deeplab_v3", {"aspp": aspp, "alpha": 0.25, "depth": 32, "resolution": 65, "classes": 5})
    for aspp in ("no", "yes")
)
CASES: tuple[Case, ...] = (
    *SQUEEZENETS,
    ("squeezenext", {"width": 0.5, **IMAGE}),
    ("squeezenext", {"width": 0.5, "variant": "v5", "group": 2, **IMAGE}),
    ("mobilenet_v1", {"alpha": 0.25, **IMAGE}),
    ("mobilenet_v1", {"alpha": 0.25, "shallow": "yes", **IMAGE}),
    ("mobilenet_v1", {"alpha": 0.25, "convolution": "full", **IMAGE}),
    ("mobilenet_v2", {"alpha": 0.35, **IMAGE}),
    *SHUFFLENETS,
    ("shufflenet_v1", {"groups": 3, "scale": 0.25, "shuffle": "no", **IMAGE}),
    ("cifar10_cnn", {}),
    ("resnet_cifar", {"depth": 20}),
    *DETECTORS,
    *SEGMENTERS,
    ("separable_block", {"channels": 32, "filters": 24}),
)


def case_name(case: Case) -> str:
    """Return the network and its words, to tell the cases apart."""
    name, options = case
    words = [str(v) for k, v in options.items() if isinstance(v, str) or k == "groups"]
    return "-".join([name, *words])


def make_images(model: onnx.ModelProto, count: int, seed: int = 99) -> Array:
    """Return inputs of a network, in [-1, 1], (count, channels, height, width)."""
    shape = [d.dim_value for d in model.graph.input[0].type.tensor_type.shape.dim]
    bits = np.random.PCG64(seed)
    steps = draw_images(bits, (count, shape[2], shape[3], shape[1]), 63)
    return np.ascontiguousarray(np.moveaxis(steps / 63, -1, 1), np.float32)


def run_all(model: onnx.ModelProto, x: Array) -> Mapping[str, Array]:
    """Return every tensor that onnxruntime computes."""
    probe = onnx.ModelProto()
    probe.CopyFrom(model)
    known = {value.name for value in model.graph.output}
    for node in model.graph.node:
        if node.op_type != "Constant" and node.output[0] not in known:
            probe.graph.output.append(onnx.ValueInfoProto(name=node.output[0]))
    session = onnxruntime.InferenceSession(
        probe.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, {"input": x}), strict=True))
