"""Builder: the graph under construction, and the layouts in which its values are at hand."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from codegen.frontend.call import Call
from codegen.frontend.operand import Const, Unsupported, View, is_batched
from codegen.ir.coding import Coding
from codegen.ir.coding import fits as fits_coding
from codegen.ir.graph import Node
from codegen.ir.op import Op
from codegen.ir.rewrite import result_type
from codegen.ir.types import Array, DType, Loc, Origin, Quant, TensorType
from codegen.ops import DequantizeLinear, Reshape, Transpose


@dataclass(slots=True)
class Builder:
    """Collects nodes, types, constants and origins; `reserved` are the names of ONNX tensors."""

    reserved: frozenset[str]
    nodes: list[Node] = field(default_factory=list)
    types: dict[str, TensorType] = field(default_factory=dict)
    constants: dict[str, Array] = field(default_factory=dict)
    origins: dict[str, Origin] = field(default_factory=dict)
    derived: dict[tuple[tuple[str, ...], Op], str] = field(default_factory=dict)

    def declare(self, tensor: str, shape: tuple[int, ...], dtype: DType) -> View:
        """Add a value that no node computes: an input, or the result of a refused node.

        `shape` is that of the ONNX tensor.
        """
        batched = is_batched(shape)
        self.types[tensor] = TensorType(shape[batched:], dtype)
        self.origins[tensor] = Origin(tensor, (), batched)
        return View(tensor, tensor, self.order(tensor), batched)

    def shape(self, view: View) -> tuple[int, ...]:
        """Return the shape of the ONNX tensor, the batch aside where it has one."""
        sizes = self.types[view.value].shape
        return tuple(sizes[view.perm.index(axis)] for axis in range(len(sizes)))

    def full_shape(self, view: View) -> tuple[int, ...]:
        """Return the shape of the ONNX tensor."""
        return (1,) * view.batched + self.shape(view)

    def order(self, value: str) -> tuple[int, ...]:
        """Return the permutation that changes nothing."""
        return tuple(range(len(self.types[value].shape)))

    def emit(
        self,
        op: Op,
        operands: tuple[str, ...],
        call: Call,
        perm: tuple[int, ...],
        batched: bool = True,
    ) -> View:
        """Add the node that computes `call`'s result as value = tensor.transpose(perm)."""
        tensor = call.output
        origin = Origin(tensor, significant(perm), batched)
        return View(tensor, self.add(op, operands, call.loc, tensor, origin), perm, batched)

    def emit_full(self, op: Op, operands: tuple[str, ...], call: Call) -> View:
        """Add the node that computes `call`'s result with all its dimensions, in their order."""
        tensor = call.output
        return self.shown(self.add(op, operands, call.loc, tensor), call)

    def shown(self, value: str, call: Call) -> View:
        """Return `call`'s result, which `value` holds with all its dimensions, in their order."""
        shape = self.types[value].shape
        batched = is_batched(shape)
        self.origins.setdefault(value, Origin(call.output, (), False))
        if batched:
            value = self.reshaped(value, shape[1:], call.loc)
            self.origins[value] = Origin(call.output)
        return View(call.output, value, self.order(value), batched)

    def add(
        self, op: Op, operands: tuple[str, ...], loc: Loc, base: str, origin: Origin | None = None
    ) -> str:
        """Add a node and return the name of its result: `base`, made unique."""
        types = tuple(self.types[name] for name in operands)
        try:
            result = result_type(op, types)
        except ValueError as error:
            raise Unsupported(str(error)) from error
        computed = [name for name in operands if name not in self.constants]
        is_integer = any(self.types[name].dtype is not DType.FLOAT32 for name in computed)
        takes_them = op.keeps_quant or op.takes_integers or isinstance(op, DequantizeLinear)
        if is_integer and not takes_them:
            raise Unsupported(
                "computes on int8 values", "put DequantizeLinear before and QuantizeLinear behind"
            )
        name = self.unique(base)
        self.types[name] = result
        self.nodes.append(Node(op, operands, name, loc))
        if origin is not None:
            self.origins[name] = origin
        return name

    def producer(self, view: View) -> Op | None:
        """Return the operator that computes a view's value, None where it is an input."""
        made = (node.op for node in reversed(self.nodes) if node.output == view.value)
        return next(made, None)

    def layout(self, view: View, perm: tuple[int, ...], loc: Loc) -> str:
        """Return a value that is view's tensor transposed by `perm`; made once and shared."""
        steps = tuple(view.perm.index(axis) for axis in perm)
        if steps == self.order(view.value):
            return view.value
        sizes = self.types[view.value].shape
        moved = [axis for axis in steps if sizes[axis] != 1]
        shape = tuple(sizes[axis] for axis in steps)
        op: Op = Reshape(shape) if moved == sorted(moved) else Transpose(steps)
        origin = Origin(view.tensor, significant(perm), view.batched)
        return self.derive(op, view.value, loc, origin)

    def full(self, view: View, loc: Loc) -> str:
        """Return a value with all dimensions of the ONNX tensor, in their order."""
        value = self.plain(view, loc)
        if not view.batched:
            return value
        shape = self.full_shape(view)
        return self.derive(Reshape(shape), value, loc, Origin(view.tensor, (), False))

    def plain(self, view: View, loc: Loc) -> str:
        """Return a value in the order of the ONNX tensor."""
        return self.layout(view, tuple(range(len(view.perm))), loc)

    def reshaped(self, value: str, shape: tuple[int, ...], loc: Loc) -> str:
        """Return `value` under another shape; made once and shared."""
        if self.types[value].shape == shape:
            return value
        return self.derive(Reshape(shape), value, loc, self.origins.get(value))

    def derive(self, op: Op, value: str, loc: Loc, origin: Origin | None) -> str:
        """Return op(value), made once and shared."""
        return self.share(op, (value,), loc, f"{value}_{op.name}", origin)

    def share(
        self, op: Op, operands: tuple[str, ...], loc: Loc, base: str, origin: Origin | None = None
    ) -> str:
        """Return the result of a node, made once and shared."""
        key = (operands, op)
        if key not in self.derived:
            self.derived[key] = self.add(op, operands, loc, base, origin)
        return self.derived[key]

    def constant(
        self, base: str, data: Array, quant: Quant | None = None, coding: Coding | None = None
    ) -> str:
        """Add a constant named `base`, or find it: equal data under one name is one constant."""
        dtype = DType.FLOAT32 if data.dtype.kind == "f" else DType(data.dtype.name)
        entry = TensorType(data.shape, dtype, quant, coding)
        name = base
        for suffix in range(1, len(self.types) + 2):
            if self.types.get(name) == entry and np.array_equal(self.constants.get(name, ()), data):
                return name
            if name not in self.types and (name == base or name not in self.reserved):
                break
            name = f"{base}_{suffix}"
        self.types[name] = entry
        self.constants[name] = np.ascontiguousarray(data).reshape(data.shape)
        return name

    def weights(self, const: Const, perm: tuple[int, ...], factor: float = 1.0) -> str:
        """Add `const` transposed by `perm`, outputs first.

        Integers stay as they are, less their zero point, where they have one scale an output, and
        those of 4 bits are stored so.
        """
        quant = weight_quant(const, perm) if factor == 1.0 else None
        centered = const.centered()
        dtype = next((t for t in WEIGHT_TYPES if fits(centered, t)), None)
        if quant is None or dtype is None:
            data = const.real().transpose(perm) * factor
            return self.constant(const.name, data.astype(np.float32))
        data = centered.transpose(perm).astype(dtype.numpy)
        is_narrow = const.data.dtype.name in FOUR_BITS and fits_coding(data, BITS_4)
        return self.constant(const.name, data, quant, BITS_4 if is_narrow else None)

    def bias(self, const: Const | None, size: int, base: str, factor: float = 1.0) -> str:
        """Add a bias of `size` values, zeros where there is none; float64 where it is exact."""
        if const is None:
            return self.constant(f"{base}_bias", np.zeros(size, np.float32))
        data = const.real()
        if data.size not in (1, size) or data.size != max((1, *data.shape)):
            raise Unsupported(f"a bias of shape {data.shape} for {size} outputs")
        dtype = np.float64 if const.is_quantized else np.float32
        return self.constant(const.name, (np.resize(data, size) * factor).astype(dtype))

    def forget(self, tensor: str) -> None:
        """Let no value show `tensor`, which is no tensor of the model."""
        shown = {name: origin for name, origin in self.origins.items() if origin.tensor != tensor}
        self.origins = shown

    def unique(self, base: str) -> str:
        """Return `base`, with a number behind where a value has that name."""
        if base not in self.types:
            return base
        suffix = 1
        while f"{base}_{suffix}" in self.types or f"{base}_{suffix}" in self.reserved:
            suffix += 1
        return f"{base}_{suffix}"


BITS_4 = Coding("bits", 4)
FOUR_BITS = ("int4", "uint4")
"""Element types of ONNX, by the names of NumPy's."""
WEIGHT_TYPES = (DType.INT8, DType.INT16)
"""The element types of weights; few kernels take the second."""


def fits(data: Array, dtype: DType) -> bool:
    """The integers are all of a type."""
    return bool(data.size) and dtype.min <= data.min() and data.max() <= dtype.max


def weight_quant(const: Const, perm: tuple[int, ...]) -> Quant | None:
    """Return the format of integer weights after `perm`, None where kernels have none."""
    if const.scales is None or (const.axis is not None and perm.index(const.axis) != 0):
        return None
    scales = tuple(float(scale) for scale in const.scales.ravel())
    return Quant(scales) if const.axis is None else Quant(scales, 0, 0)


def significant(perm: tuple[int, ...]) -> tuple[int, ...]:
    """Return `perm`, or () where it changes nothing."""
    return () if perm == tuple(range(len(perm))) else perm
