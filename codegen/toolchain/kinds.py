"""Classes of instructions."""

from __future__ import annotations

from enum import Enum


class Kind(Enum):
    """Classes of instructions, by which mixes are told and cycles looked up."""

    LOAD = "load"
    STORE = "store"
    MULTIPLE = "multiple"
    ACCUMULATE = "multiply_accumulate"
    MULTIPLY = "multiply"
    MULTIPLY_LONG = "multiply_long"
    DIVIDE = "divide"
    BRANCH = "branch"
    VECTOR_MEMORY = "vector_memory"
    VECTOR = "vector"
    ALU = "alu"
