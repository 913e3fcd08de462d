"""The vocabulary of values: where they come from, what they hold, how integers stand for reals."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

import numpy as np
import numpy.typing as npt

from codegen.ir.coding import Coding

Array = npt.NDArray[Any]


PLAIN_SCALE = 1.0
"""The scale of integers that stand for themselves; their zero point is 0."""


class DType(Enum):
    """Element type of a value."""

    FLOAT32 = "float32"
    INT8 = "int8"
    INT16 = "int16"
    INT32 = "int32"
    INT64 = "int64"
    UINT8 = "uint8"
    UINT16 = "uint16"
    UINT32 = "uint32"
    UINT64 = "uint64"
    BOOL = "bool"

    @property
    def size_bytes(self) -> int:
        return self.numpy.itemsize

    @property
    def numpy(self) -> np.dtype[np.generic]:
        return np.dtype(self.value)

    @property
    def ctype(self) -> str:
        """The C type of an element; a bool is a byte, 0 or 1."""
        return {DType.FLOAT32: "float", DType.BOOL: "uint8_t"}.get(self, f"{self.value}_t")

    @property
    def min(self) -> int:
        return 0 if self is DType.BOOL else int(np.iinfo(self.value).min)

    @property
    def max(self) -> int:
        return 1 if self is DType.BOOL else int(np.iinfo(self.value).max)


@dataclass(frozen=True, slots=True)
class Loc:
    """A place in the user's model: file, ONNX node name, ONNX operator type."""

    file: str = ""
    node: str = ""
    op_type: str = ""

    def __str__(self) -> str:
        return f"{self.file}: node '{self.node}' ({self.op_type})" if self.node else self.file


@dataclass(frozen=True, slots=True)
class Quant:
    """r = scale * (q - zero_point); one scale, or one for each index along `axis`.

    `element` is the type that an activation of this format has in fixed point.
    """

    scales: tuple[float, ...]
    zero_point: int = 0
    axis: int | None = None
    element: DType = DType.INT8

    @property
    def scale(self) -> float:
        """The per-tensor scale."""
        assert self.axis is None and len(self.scales) == 1, "scale of a per-channel value"
        return self.scales[0]

    def held_as(self, element: DType) -> Quant:
        """Return the format of the same reals in int8 or uint8, which are 128 apart."""
        apart = element.min - self.element.min
        return replace(self, zero_point=self.zero_point + apart, element=element)

    def quantize(self, real: npt.ArrayLike, dtype: DType) -> Array:
        """Round half to even, as QuantizeLinear does, and saturate. Per-tensor only."""
        steps = np.rint(np.asarray(real, np.float64) / self.scale) + self.zero_point
        saturated: Array = np.clip(steps, dtype.min, dtype.max).astype(dtype.numpy)
        return saturated

    def dequantize(self, q: Array) -> Array:
        """Return float64 reals; per-channel scales run along `axis`."""
        scales = np.asarray(self.scales, np.float64)
        if self.axis is not None:
            shape = [1] * q.ndim
            shape[self.axis] = -1
            scales = scales.reshape(shape)
        reals: Array = (q.astype(np.float64) - self.zero_point) * scales
        return reals


@dataclass(frozen=True, slots=True)
class TensorType:
    """Shape without the batch dimension (batch is 1 in C), element type, and quantization.

    A FLOAT32 value with `quant` is a float value whose fixed-point format is prescribed (QDQ).
    Integers that stand for themselves have scale 1 and zero point 0. `coding` says how weights are
    stored where they take less than a byte each; their integers are the same.
    """

    shape: tuple[int, ...]
    dtype: DType = DType.FLOAT32
    quant: Quant | None = None
    coding: Coding | None = None

    @property
    def is_plain(self) -> bool:
        """Integers that stand for themselves; int8 only where it has no format."""
        has_own = self.quant == Quant((PLAIN_SCALE,)) and self.dtype is not DType.INT8
        return self.dtype is not DType.FLOAT32 and (self.quant is None or has_own)

    @property
    def is_int16(self) -> bool:
        """Its integers stand for reals, in 16 bits."""
        return self.quant is not None and self.quant.element is DType.INT16

    @property
    def elements(self) -> int:
        return math.prod(self.shape)

    @property
    def size_bytes(self) -> int:
        return self.elements * self.dtype.size_bytes

    @property
    def rows(self) -> int:
        """Rows of the value as kernels see it: (rows, width, channels)."""
        return self.shape[0] if len(self.shape) > 1 else 1

    @property
    def channels(self) -> int:
        """Length of the innermost dimension."""
        return self.shape[-1] if self.shape else 1

    @property
    def width(self) -> int:
        return math.prod(self.shape[1:-1])

    @property
    def pixel_bytes(self) -> int:
        return self.channels * self.dtype.size_bytes

    @property
    def row_bytes(self) -> int:
        return self.width * self.pixel_bytes

    def __str__(self) -> str:
        dims = ",".join(map(str, self.shape))
        return f"{self.dtype.value}[{dims}]"


@dataclass(frozen=True, slots=True)
class Origin:
    """The ONNX tensor a value shows: value = tensor.transpose(perm), batch dimension aside.

    `perm` counts the dimensions after the batch; () means that no transposition is needed.
    The transposed tensor may also be reshaped to the value's shape. A tensor that is not `batched`
    has no dimension for the batch: its first counts too. With `scales` the value is the tensor's
    reals divided by them, a scale for each place of the last dimension.
    """

    tensor: str
    perm: tuple[int, ...] = ()
    batched: bool = True
    scales: tuple[float, ...] = ()

    def apply(self, batch: Array, shape: tuple[int, ...]) -> Array:
        """View a batch of the ONNX tensor, (N, ...), as a batch of the value, (N, *shape)."""
        if self.perm:
            batch = batch.transpose(0, *(p + 1 for p in self.perm))
        shown = batch.reshape(len(batch), *shape)
        return shown / np.asarray(self.scales) if self.scales else shown

    def divided(self, scales: Array) -> Origin:
        """Return the origin of the value divided by `scales`."""
        found = scales * np.asarray(self.scales) if self.scales else scales
        return replace(self, scales=tuple(found.tolist()))

    def one(self, tensor: Array, shape: tuple[int, ...]) -> Array:
        """View the ONNX tensor of one sample as a batch of one of the value, (1, *shape)."""
        return self.apply(tensor if self.batched else tensor[None], shape)
