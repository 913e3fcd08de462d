"""The vocabulary of the zoo: a builder whose methods write ONNX nodes and declare parameters.

It is pure structure. Parameters have a name, a type and dimensions, and no data:
`codegen.zoo.initialize` gives them values. A layer, its node, its output and its parameters share
a name: `pw1`, `pw1_weights`, `pw1_bias`, `pw1_bn`, `pw1_bn_scale`, `pw1_relu6`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

Size = int | tuple[int, int]
"""Of an image or a window: a side, or (height, width)."""
Pad = Literal["same", "valid"] | int | tuple[int, int] | tuple[int, int, int, int]
"""TensorFlow's SAME or VALID, or rows: on every side, (vertical, horizontal), or ONNX `pads`."""
Activation = Literal["none", "relu", "relu6"]

EPSILON = 1e-3
"""Of batch normalizations."""
LRN_BETA = 0.75
"""Exponent of every published local response normalization."""
OPSET = 18
IR_VERSION = 8


@dataclass(frozen=True, slots=True)
class Tensor:
    """A value of the network; `shape` leaves out the batch: (C, H, W), (rows, n) or (n,)."""

    name: str
    shape: tuple[int, ...]

    @property
    def channels(self) -> int:
        """The first dimension behind the batch."""
        return self.shape[0]


@dataclass(slots=True)
class Builder:
    """Collects the nodes and parameters of the network `name`; a method adds a layer."""

    name: str
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    initializers: list[onnx.TensorProto] = field(default_factory=list)

    def image(self, size: Size, channels: int = 3, name: str = "input") -> Tensor:
        """Start from an image (channels, height, width)."""
        return Tensor(name, (channels, *_pair(size)))

    def conv(
        self,
        x: Tensor,
        name: str,
        filters: int,
        kernel: Size,
        stride: Size = 1,
        *,
        pad: Pad = "same",
        group: int = 1,
        dilation: Size = 1,
        norm: bool = True,
        bias: bool | None = None,
        act: Activation = "none",
    ) -> Tensor:
        """Convolve, normalize the batch unless `norm` is False, and activate.

        There is a bias where there is no normalization, unless `bias` says otherwise.
        """
        kernels, strides, dilations = _pair(kernel), _pair(stride), _pair(dilation)
        pads = find_pads(x, kernels, strides, pad, dilations)
        names = [f"{name}_weights"]
        self._declare(names[0], filters, x.channels // group, *kernels)
        if bias if bias is not None else not norm:
            names.append(f"{name}_bias")
            self._declare(names[1], filters)
        self._add(
            "Conv",
            name,
            x.name,
            *names,
            kernel_shape=kernels,
            strides=strides,
            pads=pads,
            dilations=dilations,
            group=group,
        )
        sides = [
            (size + before + after - (extent - 1) * step - 1) // jump + 1
            for size, before, after, extent, step, jump in zip(
                x.shape[1:], pads[:2], pads[2:], kernels, dilations, strides, strict=True
            )
        ]
        y = Tensor(name, (filters, *sides))
        return self.activate(self.batch_norm(y) if norm else y, act)

    def depthwise(
        self,
        x: Tensor,
        name: str,
        kernel: Size,
        stride: Size = 1,
        *,
        pad: Pad = "same",
        dilation: Size = 1,
        norm: bool = True,
        bias: bool | None = None,
        act: Activation = "none",
    ) -> Tensor:
        """Convolve each channel with a filter of its own; otherwise as `conv`."""
        return self.conv(
            x,
            name,
            x.channels,
            kernel,
            stride,
            pad=pad,
            group=x.channels,
            dilation=dilation,
            norm=norm,
            bias=bias,
            act=act,
        )

    def batch_norm(self, x: Tensor, name: str | None = None) -> Tensor:
        """Normalize each channel over the batch; named after `x` unless told."""
        name = name or f"{x.name}_bn"
        parameters = [f"{name}_{part}" for part in ("scale", "bias", "mean", "var")]
        for parameter in parameters:
            self._declare(parameter, x.channels)
        self._add("BatchNormalization", name, x.name, *parameters, epsilon=EPSILON)
        return Tensor(name, x.shape)

    def activate(self, x: Tensor, act: Activation) -> Tensor:
        """Apply an activation by its name; "none" is `x`."""
        if act == "none":
            return x
        return self.relu(x) if act == "relu" else self.relu6(x)

    def relu(self, x: Tensor) -> Tensor:
        """Limit to 0 and above."""
        name = f"{x.name.removesuffix('_bn')}_relu"
        self._add("Relu", name, x.name)
        return Tensor(name, x.shape)

    def relu6(self, x: Tensor) -> Tensor:
        """Limit to [0, 6], the activation of the MobileNets."""
        name = f"{x.name.removesuffix('_bn')}_relu6"
        low, high = self._constant("relu6_low", 0.0), self._constant("relu6_high", 6.0)
        self._add("Clip", name, x.name, low, high)
        return Tensor(name, x.shape)

    def max_pool(
        self,
        x: Tensor,
        name: str,
        kernel: Size,
        stride: Size = 1,
        *,
        pad: Pad = "valid",
        ceil: bool = False,
    ) -> Tensor:
        """Take the greatest of each window; `ceil` keeps a last, partial one, as Caffe does."""
        return self._pool("MaxPool", x, name, kernel, stride, pad, ceil)

    def average_pool(
        self,
        x: Tensor,
        name: str,
        kernel: Size,
        stride: Size = 1,
        *,
        pad: Pad = "valid",
        ceil: bool = False,
    ) -> Tensor:
        """Average the elements of each window that lie in the image."""
        return self._pool("AveragePool", x, name, kernel, stride, pad, ceil)

    def global_pool(self, x: Tensor, name: str) -> Tensor:
        """Average each channel over the image: (C, 1, 1)."""
        self._add("GlobalAveragePool", name, x.name)
        return Tensor(name, (x.channels, 1, 1))

    def flatten(self, x: Tensor) -> Tensor:
        """Return a vector."""
        name = f"{x.name}_flatten"
        self._add("Flatten", name, x.name, axis=1)
        return Tensor(name, (int(np.prod(x.shape)),))

    def dense(
        self,
        x: Tensor,
        name: str,
        outputs: int,
        *,
        bias: bool = True,
        act: Activation = "none",
    ) -> Tensor:
        """Map a vector to a vector."""
        names = [f"{name}_weights", *([f"{name}_bias"] if bias else [])]
        self._declare(names[0], outputs, x.channels)
        if bias:
            self._declare(names[1], outputs)
        self._add("Gemm", name, x.name, *names, transB=1)
        return self.activate(Tensor(name, (outputs,)), act)

    def softmax(self, x: Tensor, name: str = "probabilities") -> Tensor:
        """Turn scores along the first dimension into probabilities."""
        self._add("Softmax", name, x.name, axis=1)
        return Tensor(name, x.shape)

    def dropout(self, x: Tensor, name: str) -> Tensor:
        """Mark where training drops elements; nothing happens when the network runs."""
        self._add("Dropout", name, x.name)
        return Tensor(name, x.shape)

    def add(self, x: Tensor, y: Tensor, name: str, act: Activation = "none") -> Tensor:
        """Add two values of one shape, and activate."""
        self._add("Add", name, x.name, y.name)
        return self.activate(Tensor(name, x.shape), act)

    def concat(self, values: Sequence[Tensor], name: str) -> Tensor:
        """Join values along the first dimension."""
        self._add("Concat", name, *(value.name for value in values), axis=1)
        return Tensor(name, (sum(value.channels for value in values), *values[0].shape[1:]))

    def shuffle(self, x: Tensor, name: str, groups: int) -> Tensor:
        """Deal the channels of `groups` groups out in turn, as frameworks export it."""
        channels, height, width = x.shape
        shape = (0, groups, channels // groups, height, width)
        split = self._reshape(x, f"{name}_split", shape)
        self._add("Transpose", f"{name}_transpose", split.name, perm=[0, 2, 1, 3, 4])
        turned = Tensor(f"{name}_transpose", (shape[2], groups, height, width))
        return self._reshape(turned, name, (0, channels, height, width))

    def lrn(
        self, x: Tensor, name: str, size: int = 5, alpha: float = 1e-4, bias: float = 1.0
    ) -> Tensor:
        """Divide by (bias + alpha / size * sum of `size` neighbours' squares) ** LRN_BETA."""
        self._add("LRN", name, x.name, size=size, alpha=alpha, beta=LRN_BETA, bias=bias)
        return Tensor(name, x.shape)

    def resize(self, x: Tensor, name: str, size: Size) -> Tensor:
        """Interpolate linearly, the corner pixels on each other as the authors of DeepLab do."""
        sizes = self._constant(f"{name}_sizes", np.array(_pair(size), np.int64))
        mode = {"mode": "linear", "coordinate_transformation_mode": "align_corners"}
        self._add("Resize", name, x.name, "", "", sizes, axes=[2, 3], **mode)
        return Tensor(name, (x.channels, *_pair(size)))

    def deconv(self, x: Tensor, name: str, filters: int, kernel: int, factor: int) -> Tensor:
        """Enlarge by a transposed convolution without bias; `kernel` - `factor` is even."""
        self._declare(f"{name}_weights", x.channels, filters, kernel, kernel)
        self._add(
            "ConvTranspose",
            name,
            x.name,
            f"{name}_weights",
            kernel_shape=(kernel, kernel),
            strides=(factor, factor),
            pads=((kernel - factor) // 2,) * 4,
        )
        return Tensor(name, (filters, factor * x.shape[1], factor * x.shape[2]))

    def max_pool_places(self, x: Tensor, name: str, kernel: int) -> tuple[Tensor, Tensor]:
        """Take the greatest of each kernel x kernel elements; and return where each was."""
        y = self.max_pool(x, name, kernel, kernel)
        self.nodes[-1].output.append(f"{name}_places")
        return y, Tensor(f"{name}_places", y.shape)

    def max_unpool(self, x: Tensor, places: Tensor, name: str, kernel: int) -> Tensor:
        """Put elements back where a pool of kernel x kernel found them, zeros elsewhere."""
        window = (kernel, kernel)
        self._add(
            "MaxUnpool",
            name,
            x.name,
            places.name,
            kernel_shape=window,
            strides=window,
            pads=(0,) * 4,
        )
        return Tensor(name, (x.channels, kernel * x.shape[1], kernel * x.shape[2]))

    def pad_channels(self, x: Tensor, name: str, before: int, after: int) -> Tensor:
        """Put channels of zeros before and after those of an image."""
        pads = np.array([0, before, 0, 0, 0, after, 0, 0], np.int64)
        self._add("Pad", name, x.name, self._constant(f"{name}_pads", pads))
        return Tensor(name, (before + x.channels + after, *x.shape[1:]))

    def subsample(self, x: Tensor, name: str, stride: int) -> Tensor:
        """Take every `stride`-th row and column, from the first on."""
        parts = {"starts": [0, 0], "ends": x.shape[1:], "axes": [2, 3], "steps": [stride, stride]}
        names = [
            self._constant(f"{name}_{part}", np.array(values, np.int64))
            for part, values in parts.items()
        ]
        self._add("Slice", name, x.name, *names)
        sides = (-(-size // stride) for size in x.shape[1:])
        return Tensor(name, (x.channels, *sides))

    def rows(self, x: Tensor, name: str, length: int) -> Tensor:
        """Read an image pixel by pixel as rows: (H * W * C / length, length)."""
        channels, height, width = x.shape
        self._add("Transpose", f"{name}_transpose", x.name, perm=[0, 2, 3, 1])
        turned = Tensor(f"{name}_transpose", (height, width, channels))
        return self._reshape(turned, name, (0, height * width * channels // length, length))

    def model(self, x: Tensor, *outputs: Tensor) -> onnx.ModelProto:
        """Return the network from `x` to `outputs`, with a free batch dimension "N"."""

        def info(value: Tensor) -> onnx.ValueInfoProto:
            return helper.make_tensor_value_info(value.name, TensorProto.FLOAT, ["N", *value.shape])

        graph = helper.make_graph(
            self.nodes, self.name, [info(x)], [info(y) for y in outputs], self.initializers
        )
        opsets = [helper.make_opsetid("", OPSET)]
        return helper.make_model(
            graph, opset_imports=opsets, ir_version=IR_VERSION, producer_name="codegen"
        )

    def _pool(
        self, op: str, x: Tensor, name: str, kernel: Size, stride: Size, pad: Pad, ceil: bool
    ) -> Tensor:
        kernels, strides = _pair(kernel), _pair(stride)
        pads = find_pads(x, kernels, strides, pad)
        sides = [
            count_windows(size, before, after, extent, jump, ceil)
            for size, before, after, extent, jump in zip(
                x.shape[1:], pads[:2], pads[2:], kernels, strides, strict=True
            )
        ]
        attributes = {"kernel_shape": kernels, "strides": strides, "pads": pads}
        self._add(op, name, x.name, **attributes, ceil_mode=int(ceil))
        return Tensor(name, (x.channels, *sides))

    def _reshape(self, x: Tensor, name: str, shape: tuple[int, ...]) -> Tensor:
        sizes = self._constant(f"{name}_shape", np.array(shape, np.int64))
        self._add("Reshape", name, x.name, sizes)
        return Tensor(name, shape[1:])

    def _add(self, op_type: str, name: str, *inputs: str, **attributes: Any) -> None:
        self.nodes.append(helper.make_node(op_type, inputs, [name], name=name, **attributes))

    def _declare(self, name: str, *shape: int) -> None:
        proto = onnx.TensorProto(name=name, data_type=TensorProto.FLOAT, dims=shape)
        self.initializers.append(proto)

    def _constant(self, name: str, value: float | np.ndarray[Any, Any]) -> str:
        """Return `name`, a Constant node that is written once."""
        if not any(node.name == name for node in self.nodes):
            array = np.asarray(value, np.float32 if isinstance(value, float) else None)
            self._add("Constant", name, value=numpy_helper.from_array(array, name))
        return name


def find_pads(
    x: Tensor,
    kernels: tuple[int, int],
    strides: tuple[int, int],
    pad: Pad,
    dilations: tuple[int, int] = (1, 1),
) -> tuple[int, int, int, int]:
    """Return rows above, columns left, rows below, columns right of an image."""
    if isinstance(pad, int):
        return pad, pad, pad, pad
    if isinstance(pad, tuple):
        return pad if len(pad) == 4 else (*pad, *pad)
    if pad == "valid":
        return 0, 0, 0, 0
    extents = [(kernel - 1) * step + 1 for kernel, step in zip(kernels, dilations, strict=True)]
    (top, bottom), (left, right) = map(same_pads, x.shape[1:], extents, strides)
    return top, left, bottom, right


def same_pads(size: int, kernel: int, stride: int) -> tuple[int, int]:
    """Return the padding before and after that TensorFlow calls SAME: the odd one comes last.

    >>> same_pads(224, 3, 2), same_pads(112, 3, 1), same_pads(7, 1, 1)
    ((0, 1), (1, 1), (0, 0))
    """
    total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2


def count_windows(size: int, before: int, after: int, kernel: int, stride: int, ceil: bool) -> int:
    """Return how many windows a pool has along a side; none begins behind the image.

    >>> count_windows(113, 0, 0, 3, 2, False), count_windows(112, 0, 0, 3, 2, True)
    (56, 56)
    """
    room = size + before + after - kernel
    if not ceil:
        return room // stride + 1
    count = -(-room // stride) + 1
    return count - 1 if (count - 1) * stride >= size + before else count


def _pair(size: Size) -> tuple[int, int]:
    return (size, size) if isinstance(size, int) else size
