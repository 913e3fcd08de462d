"""What the zoo says of a network: its name, its source, the options it takes."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import onnx

from codegen.errors import Problem

Value = int | float | str


@dataclass(frozen=True, slots=True)
class Number:
    """An option that is a number, `least` and `most` included; `most` bounds the file size."""

    name: str
    type: type[int] | type[float]
    default: int | float
    least: int | float
    most: int | float
    help: str

    def parse(self, value: object) -> Value | Problem:
        """Return `value` (a number, or its text) as this option's type, or what is wrong."""
        try:
            number = self.type(str(value))
        except ValueError:
            number = self.type(self.least) - 1
        if math.isfinite(number) and self.least <= number <= self.most:
            return number
        return Problem(f"{self.name} is {self.values}, got {value!r}")

    @property
    def values(self) -> str:
        """What it can be, for people."""
        kind = "an integer" if self.type is int else "a number"
        return f"{kind} from {self.least} to {self.most}"


@dataclass(frozen=True, slots=True)
class Choice:
    """An option that is one of a few values, all words or all integers."""

    name: str
    default: int | str
    choices: tuple[int, ...] | tuple[str, ...]
    help: str

    def parse(self, value: object) -> Value | Problem:
        """Return the choice that `value` is or whose text it is, or what is wrong."""
        for choice in self.choices:
            if str(choice) == str(value):
                return choice
        return Problem(f"{self.name} is {self.values}, got {value!r}")

    @property
    def type(self) -> type[int] | type[str]:
        """The type that all choices have."""
        return type(self.default)

    @property
    def values(self) -> str:
        """What it can be, for people."""
        return f"one of {', '.join(map(str, self.choices))}"


Option = Number | Choice


@dataclass(frozen=True, slots=True)
class Network:
    """A published network; `builder` takes the options by name, and gives its structure."""

    name: str
    title: str
    paper: str
    options: tuple[Option, ...]
    builder: Callable[..., onnx.ModelProto]


def resolution_option(default: int, least: int = 32) -> Number:
    """Return the option that sets the side of the input image."""
    return Number("resolution", int, default, least, 4096, "input side in pixels")


def classes_option(default: int = 1000) -> Number:
    """Return the option that sets the outputs of the classifier."""
    return Number("classes", int, default, 2, 65536, "outputs of the classifier")
