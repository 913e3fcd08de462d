"""What the zoo says of a network: its name, its source, the options it takes."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import onnx

from codegen.errors import Problem

Value = int | float


@dataclass(frozen=True, slots=True)
class Option:
    """A number that shapes a network, `least` and `most` included; `most` bounds the file size."""

    name: str
    type: type[int] | type[float]
    default: Value
    least: Value
    most: Value
    help: str

    def parse(self, value: object) -> Value | Problem:
        """Return `value` (a number, or its text) as this option's type, or what is wrong."""
        try:
            number = self.type(str(value))
        except ValueError:
            number = self.type(self.least) - 1
        if math.isfinite(number) and self.least <= number <= self.most:
            return number
        kind = "an integer" if self.type is int else "a number"
        return Problem(f"{self.name} is {kind} from {self.least} to {self.most}, got {value!r}")


@dataclass(frozen=True, slots=True)
class Network:
    """A published network; `builder` takes the options by name."""

    name: str
    title: str
    paper: str
    options: tuple[Option, ...]
    builder: Callable[..., onnx.ModelProto]
