"""Normalize: values less their mean over their deviation, or over a norm, by groups.

Source: the ONNX operators InstanceNormalization, LayerNormalization, GroupNormalization,
RMSNormalization, MeanVarianceNormalization and LpNormalization. x is (outer, n, inner): groups run
along the middle dimension.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from codegen.ir.fixed_point import INT32_MAX, Int64s, magnitude
from codegen.ir.op import Op, Signature
from codegen.ir.roots import inverse_root
from codegen.ir.types import Array, TensorType
from codegen.ops.reduce import check_groups

Norm = Literal["deviation", "rms", "l2", "l1"]
Z_BITS = 20
"""Bits of the fraction of normalized values, and of multipliers, where these are not too great."""
BIAS_BITS = 12
"""Bits of the fraction of biases, in steps of the output."""


@dataclass(frozen=True, slots=True)
class Energy:
    """For each group an energy, (sums << lift) + offset, lift even: sums of squares, and epsilon.

    For "deviation" sums are n * sum(d^2) - sum(d)^2 with d = x - zero point.
    """

    zero_point: int
    lift: int
    offset: int

    def found(self, norm: Norm, d: Int64s) -> tuple[Int64s, Int64s]:
        """Return the sums and the energies of groups along axis 2."""
        sums = (d * d).sum(axis=2, keepdims=True)
        if norm == "deviation":
            sums = sums * d.shape[2] - d.sum(axis=2, keepdims=True) ** 2
        if norm == "l1":
            sums = np.abs(d).sum(axis=2, keepdims=True) ** 2
        return sums, (sums << self.lift) + self.offset


@dataclass(frozen=True, slots=True, eq=False)
class NormalizeParams:
    """z = c / sqrt(energy), with `bits` of fraction, where c is d, or n * d - sum(d).

    y = zero_point + ((z * multiplier + (bias << (shift - BIAS_BITS)) + half) >> shift).
    """

    energy: Energy
    bits: int
    multipliers: Int64s
    biases: Int64s
    shift: int


def make_energy(norm: Norm, epsilon: float, x: TensorType) -> Energy:
    """Return how energies are computed; ValueError where they do not fit 61 bits."""
    assert x.quant is not None
    n = x.shape[1]
    power = 2 if norm in ("deviation", "l1") else 1
    greatest = magnitude(x) ** 2 * n**power
    offset = epsilon * n**power / x.quant.scale**2
    lift = math.floor((61 - math.log2(greatest + offset)) / 2) * 2
    if lift < 0 or n > 2**21:
        raise ValueError(f"groups of {n} values, of scale {x.quant.scale:.3g}, overflow 62 bits")
    lift = min(lift, 30)
    return Energy(x.quant.zero_point, lift, round(offset * 2**lift))


@dataclass(frozen=True, slots=True)
class Normalize(Op):
    """norm(x) * scale + bias; element e, counted from the first, has those of index e / repeat.

    The index is taken modulo their number. `epsilon` is added to a variance or mean square.
    """

    name: ClassVar[str] = "normalize"

    norm: Norm = "deviation"
    epsilon: float = 0.0
    scales: tuple[float, ...] = (1.0,)
    biases: tuple[float, ...] = (0.0,)
    repeat: int = 1

    def infer(self, *inputs: TensorType) -> TensorType:
        check_groups(inputs[0])
        return TensorType(inputs[0].shape)

    def takes_int16(self) -> bool:
        return True

    def index(self, shape: tuple[int, ...]) -> Int64s:
        """Return which scale and bias each element has."""
        places = np.arange(math.prod(shape)) // self.repeat
        return (places % len(self.scales)).reshape(shape)

    def evaluate(self, *arrays: Array) -> Array:
        x = arrays[0].astype(np.float64)
        centered = x - x.mean(axis=2, keepdims=True) if self.norm == "deviation" else x
        total = (centered**2).sum(axis=2, keepdims=True)
        if self.norm == "l1":
            total = np.abs(x).sum(axis=2, keepdims=True) ** 2
        if self.norm in ("deviation", "rms"):
            total = total / x.shape[2]
        root = np.sqrt(total + self.epsilon)
        z = np.divide(centered, root, out=np.zeros_like(x), where=root > 0)
        index = self.index(x.shape[1:])
        y: Array = z * np.asarray(self.scales)[index] + np.asarray(self.biases)[index]
        return y

    def params(self, signature: Signature) -> NormalizeParams:
        """Derive the integers; ValueError where they do not fit."""
        x, y = signature.inputs[0], signature.output
        assert y.quant is not None
        energy = make_energy(self.norm, self.epsilon, x)
        n = x.shape[1]
        bits = min(Z_BITS, 28 - math.ceil(math.log2(n) / 2))
        gain = math.sqrt(n) if self.norm == "rms" else 1.0
        scales = gain * np.asarray(self.scales) / y.quant.scale
        greatest = max(float(np.abs(scales).max()), 1e-9)
        lift = min(Z_BITS, 30 - math.ceil(math.log2(greatest)))
        biases = np.rint(np.asarray(self.biases) / y.quant.scale * 2**BIAS_BITS)
        if lift < 0 or np.abs(biases).max() > INT32_MAX:
            raise ValueError(f"an output scale of {y.quant.scale:.3g} cannot show scale or bias")
        multipliers = np.rint(scales * 2.0**lift).astype(np.int64)
        return NormalizeParams(energy, bits, multipliers, biases.astype(np.int64), bits + lift)

    def evaluate_fixed(self, signature: Signature, *arrays: Array) -> Array:
        p, quant, dtype = self.params(signature), signature.output.quant, signature.output.dtype
        assert quant is not None
        d = arrays[0].astype(np.int64) - p.energy.zero_point
        sums, energy = p.energy.found(self.norm, d)
        factor, shift = inverse_root(np.maximum(energy, 1))
        if self.norm == "deviation":
            d = d * d.shape[2] - d.sum(axis=2, keepdims=True)
        down = np.where(sums == 0, 1, 61 - p.bits - p.energy.lift // 2 - shift)
        z = np.where(sums == 0, 0, (d * factor + (np.int64(1) << (down - 1))) >> down)
        index = self.index(d.shape[1:])
        lifted = p.biases[index] << (p.shift - BIAS_BITS)
        steps = (z * p.multipliers[index] + lifted + (1 << (p.shift - 1))) >> p.shift
        y: Array = np.clip(steps + quant.zero_point, dtype.min, dtype.max).astype(dtype.numpy)
        return y


@dataclass(frozen=True, slots=True)
class InverseDeviation(Op):
    """1 / sqrt(variance + epsilon) of each group: (outer, 1, inner)."""

    name: ClassVar[str] = "inverse_deviation"

    epsilon: float = 0.0

    def infer(self, *inputs: TensorType) -> TensorType:
        check_groups(inputs[0])
        return TensorType((inputs[0].shape[0], 1, inputs[0].shape[2]))

    def evaluate(self, *arrays: Array) -> Array:
        variance = arrays[0].astype(np.float64).var(axis=2, keepdims=True)
        with np.errstate(divide="ignore"):
            return np.asarray(1 / np.sqrt(variance + self.epsilon))

    def params(self, signature: Signature) -> tuple[Energy, int, int]:
        """Return energy, multiplier and down: y = zero point + factor * multiplier >> (down - e).

        Factor and e are the inverse square root of the energy.
        """
        x, y = signature.inputs[0], signature.output
        assert x.quant is not None and y.quant is not None
        energy = make_energy("deviation", self.epsilon, x)
        exponent = math.log2(x.shape[1] / (x.quant.scale * y.quant.scale))
        lift = 30 - math.floor(exponent)
        multiplier = min(round(2.0 ** (exponent + lift)), INT32_MAX)
        return energy, multiplier, 61 + lift - energy.lift // 2

    def evaluate_fixed(self, signature: Signature, *arrays: Array) -> Array:
        energy, multiplier, down = self.params(signature)
        quant, dtype = signature.output.quant, signature.output.dtype
        assert quant is not None
        _, total = energy.found("deviation", arrays[0].astype(np.int64) - energy.zero_point)
        factor, shift = inverse_root(np.maximum(total, 1))
        left = np.clip(down - shift, 1, 62)
        steps = (factor * multiplier + (np.int64(1) << (left - 1))) >> left
        steps = np.where((total == 0) | (down - shift < 1), INT32_MAX, steps)
        y: Array = np.clip(steps + quant.zero_point, dtype.min, dtype.max).astype(dtype.numpy)
        return y
