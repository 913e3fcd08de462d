"""Call: an ONNX node with its operands looked up and its attributes typed."""

from __future__ import annotations

from dataclasses import dataclass

import onnx

from codegen.frontend.operand import Const, Operand, Unsupported, View
from codegen.ir.types import Loc


@dataclass(frozen=True, slots=True, eq=False)
class Call:
    """One ONNX node; `opset` is that of the default operator set, `result` the one to be made."""

    proto: onnx.NodeProto
    operands: tuple[Operand, ...]
    opset: int
    loc: Loc
    result: int = 0

    @property
    def output(self) -> str:
        """The name of the result to be made."""
        return str(self.proto.output[self.result])

    def operand(self, index: int) -> Operand:
        """Return an operand, None where it is absent."""
        return self.operands[index] if index < len(self.operands) else None

    def view(self, index: int) -> View:
        """Return a computed operand; Unsupported where it is constant."""
        found = self.operand(index)
        if not isinstance(found, View):
            raise Unsupported(f"operand {index} must be computed, not constant")
        return found

    def constant(self, index: int) -> Const:
        """Return a constant operand; Unsupported where it is computed or absent."""
        found = self.operand(index)
        if not isinstance(found, Const):
            raise Unsupported(
                f"operand {index} must be constant, '{self.proto.input[index]}' is computed"
                if found is not None
                else f"operand {index} is absent"
            )
        return found

    def optional_constant(self, index: int) -> Const | None:
        """Return a constant operand, None where it is absent."""
        return None if self.operand(index) is None else self.constant(index)

    def integer(self, name: str, default: int) -> int:
        """Return an integer attribute."""
        found = self._attribute(name)
        return default if found is None else int(found.i)

    def real(self, name: str, default: float) -> float:
        """Return a float attribute."""
        found = self._attribute(name)
        return default if found is None else float(found.f)

    def reals(self, name: str) -> tuple[float, ...]:
        """Return floats, none where they are absent."""
        found = self._attribute(name)
        return () if found is None else tuple(float(f) for f in found.floats)

    def texts(self, name: str) -> tuple[str, ...]:
        """Return strings, none where they are absent."""
        found = self._attribute(name)
        return () if found is None else tuple(str(s.decode()) for s in found.strings)

    def text(self, name: str, default: str) -> str:
        """Return a string attribute."""
        found = self._attribute(name)
        return default if found is None else str(found.s.decode())

    def integers(self, name: str, index: int | None = None) -> tuple[int, ...] | None:
        """Return integers given as an attribute or, in later opsets, as operand `index`."""
        found = self._attribute(name)
        if found is not None:
            return tuple(int(i) for i in found.ints)
        constant = None if index is None else self.optional_constant(index)
        return None if constant is None else tuple(int(i) for i in constant.data.ravel())

    def pair(self, name: str) -> tuple[int, int]:
        """Return two integers, one for each image axis; 1 each where absent."""
        found = self.integers(name) or (1, 1)
        if len(found) != 2:
            raise Unsupported(f"{name} {found} is not for images of two axes")
        return found[0], found[1]

    def _attribute(self, name: str) -> onnx.AttributeProto | None:
        return next((a for a in self.proto.attribute if a.name == name), None)
