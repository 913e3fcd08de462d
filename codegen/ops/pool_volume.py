"""Pools over volumes of any window, dilated too: the general form of MaxPool, AveragePool, LpPool.

x is (planes, D, H, W), one plane for each channel; images and lines are volumes of size 1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from codegen.ir.fixed_point import INT32_MAX, Rescale, make_rescale
from codegen.ir.op import Op, Signature
from codegen.ir.roots import ROOT_BITS, PowerNorm, power_norm, root
from codegen.ir.types import Array, TensorType

Three = tuple[int, int, int]
Volume = Literal["average", "l1", "l2", "lp"]


@dataclass(frozen=True, slots=True)
class PoolVolume(Op):
    """Windows of `kernel` taps at distances of `dilations`, the first `begins` before the volume.

    `shape` is the result's; `ends` is how far beyond the volume padding counts.
    """

    kernel: Three = (1, 1, 1)
    strides: Three = (1, 1, 1)
    dilations: Three = (1, 1, 1)
    begins: Three = (0, 0, 0)
    ends: Three = (0, 0, 0)
    shape: Three = (1, 1, 1)

    def infer(self, *inputs: TensorType) -> TensorType:
        (x,) = inputs
        if len(x.shape) != 4:
            raise ValueError(f"expects planes of volumes, got {x}")
        if min(self.shape) < 1:
            raise ValueError(f"a window of {self.kernel} does not fit {x}")
        if not self.taps(x.shape[1:])[1].any(axis=1).all():
            raise ValueError("padding leaves windows empty")
        return TensorType((x.shape[0], *self.shape))

    def taps(self, size: tuple[int, ...]) -> tuple[Array, Array, Array]:
        """Return (outputs, taps): places in the volume, which are inside, which padding counts."""
        outputs, taps = np.indices(self.shape), np.indices(self.kernel)
        place = np.zeros((math.prod(self.shape), math.prod(self.kernel)), np.int64)
        inside = np.ones(place.shape, bool)
        padded = np.ones(place.shape, bool)
        for axis in range(3):
            first = outputs[axis].reshape(-1, 1) * self.strides[axis] - self.begins[axis]
            at = first + taps[axis].reshape(1, -1) * self.dilations[axis]
            inside &= (at >= 0) & (at < size[axis])
            padded &= at < size[axis] + self.ends[axis]
            place = place * size[axis] + at
        return np.where(inside, place, 0), inside, padded

    def windows_of(self, x: Array, outside: float) -> Array:
        """Return (N, planes, outputs, taps), padding as `outside`."""
        place, inside, _ = self.taps(x.shape[2:])
        flat = x.reshape(*x.shape[:2], -1)
        return np.where(inside, flat[:, :, place], np.asarray(outside, x.dtype))

    def shaped(self, flat: Array) -> Array:
        """Return (N, planes, outputs) as (N, planes, *shape)."""
        return flat.reshape(*flat.shape[:2], *self.shape)


@dataclass(frozen=True, slots=True)
class MaxPoolVolume(PoolVolume):
    """The greatest value of each window."""

    name: ClassVar[str] = "max_pool_volume"
    keeps_quant: ClassVar[bool] = True

    def evaluate(self, *arrays: Array) -> Array:
        (x,) = arrays
        least = -np.inf if x.dtype.kind == "f" else np.iinfo(x.dtype).min
        return self.shaped(self.windows_of(x, least).max(axis=3))

    def evaluate_fixed(self, signature: Signature, *arrays: Array) -> Array:
        return self.evaluate(*arrays)


@dataclass(frozen=True, slots=True)
class SumPoolVolume(PoolVolume):
    """The average of each window, or a norm of it; `count_include_pad`: padding is averaged too.

    `p` is that of lp, which stands for norms other than l1 and l2.
    """

    name: ClassVar[str] = "sum_pool_volume"

    kind: Volume = "average"
    count_include_pad: bool = False
    p: int = 3

    def counts(self, size: tuple[int, ...]) -> Array:
        """Return by how many the sum of each output is divided."""
        _, inside, padded = self.taps(size)
        return np.asarray((padded if self.count_include_pad else inside).sum(axis=1))

    def evaluate(self, *arrays: Array) -> Array:
        x = self.windows_of(arrays[0].astype(np.float64), 0.0)
        if self.kind == "average":
            return self.shaped(x.sum(axis=3) / self.counts(arrays[0].shape[2:]))
        if self.kind == "l1":
            return self.shaped(np.abs(x).sum(axis=3))
        if self.kind == "l2":
            return self.shaped(np.sqrt((x * x).sum(axis=3)))
        return self.shaped((np.abs(x) ** self.p).sum(axis=3) ** (1 / self.p))

    def params(self, signature: Signature) -> Rescale | PowerNorm:
        """Return the rescale: of an average multipliers[n] for sums of n values, [0] unused."""
        x, y = signature.inputs[0], signature.output
        assert x.quant is not None and y.quant is not None
        taps, ratio = math.prod(self.kernel), x.quant.scale / y.quant.scale
        if self.kind == "lp":
            return power_norm(self.p, taps, x, y)
        if taps * 255**2 > INT32_MAX:
            raise ValueError(f"windows of {taps} values overflow 32 bits")
        if self.kind == "l2":
            return make_rescale([ratio / 2**ROOT_BITS], INT32_MAX, y.quant, y.dtype)
        if self.kind == "l1":
            return make_rescale([ratio], 255 * taps, y.quant, y.dtype)
        least = int(self.counts(x.shape[1:]).min())
        scales = [ratio / max(n, least) for n in range(taps + 1)]
        return make_rescale(scales, 255 * taps, y.quant, y.dtype)

    def evaluate_fixed(self, signature: Signature, *arrays: Array) -> Array:
        p, (x,) = self.params(signature), signature.inputs
        assert x.quant is not None
        d = self.windows_of(arrays[0].astype(np.int64) - x.quant.zero_point, 0)
        if isinstance(p, PowerNorm):
            return self.shaped(p.apply(d, axis=3))
        multipliers = np.asarray(p.multipliers, np.int64)
        if self.kind == "average":
            acc, multipliers = d.sum(axis=3), multipliers[self.counts(x.shape[1:])]
        elif self.kind == "l1":
            acc = np.abs(d).sum(axis=3)
        else:
            acc = root((d * d).sum(axis=3))
        steps = ((acc << p.shift) * multipliers + 2**31) >> 32
        y = np.clip(steps + p.zero_point, p.low, p.high)
        return self.shaped(y.astype(signature.output.dtype.numpy))
