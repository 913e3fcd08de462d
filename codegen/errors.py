"""Every error a user can meet: what is wrong, where, what to do, and how the command exits.

`CodegenError` carries a documented code (docs/errors.md), an exit status and one or more problems.
A stage collects all it finds and raises once.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

EXIT_BAD_INPUT = 1
EXIT_USAGE = 2
EXIT_VERIFY_FAILED = 3
EXIT_DOES_NOT_FIT = 4


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong: `message` says what, `where` names the place, `hint` what to do."""

    message: str
    where: str = ""
    hint: str = ""


class CodegenError(Exception):
    """Base of all errors shown to a user; `code` is stable and documented."""

    code: ClassVar[str] = "error"
    exit_status: ClassVar[int] = EXIT_BAD_INPUT
    summary: ClassVar[str] = "Something is wrong with what was asked."

    def __init__(self, message: str = "", *, where: str = "", hint: str = "") -> None:
        self.problems: tuple[Problem, ...] = (Problem(message, where, hint),)
        super().__init__(message)

    @classmethod
    def collect(cls, problems: Iterable[Problem]) -> CodegenError:
        """Return one error that holds all of `problems` (at least one)."""
        found = tuple(problems)
        error = cls(found[0].message, where=found[0].where, hint=found[0].hint)
        error.problems = found
        return error

    def __str__(self) -> str:
        return "\n".join(self._lines())

    def _lines(self) -> Iterable[str]:
        for problem in self.problems:
            yield f"error[{self.code}]: {problem.message}"
            if problem.where:
                yield f"  --> {problem.where}"
            if problem.hint:
                yield f"  hint: {problem.hint}"


class UnreadableFile(CodegenError):
    """The file does not exist, cannot be opened, or is not what its name says."""

    code = "unreadable-file"
    summary = "A file does not exist, cannot be read, or does not hold what its name says."


class UnsupportedOperator(CodegenError):
    """The network holds operators, or forms of them, that have no fixed-point kernel."""

    code = "unsupported-op"
    summary = "The network uses operators, or forms of them, that have no fixed-point kernel."


class InvalidModel(CodegenError):
    """The ONNX file is readable and contradicts itself or the ONNX specification."""

    code = "invalid-model"
    summary = "The ONNX file contradicts itself or the ONNX specification."


class DynamicShape(CodegenError):
    """A dimension other than the batch is not known before the network runs."""

    code = "dynamic-shape"
    summary = "A dimension other than the batch is not known before the network runs."


class BadCalibrationData(CodegenError):
    """The samples have the wrong shape or type, hold NaN or infinity, or cannot be made."""

    code = "bad-data"
    summary = "Samples have the wrong shape or type, hold NaN or infinity, or cannot be made."


class BadQuantization(CodegenError):
    """The quantization the file prescribes, or the data implies, cannot be held exactly."""

    code = "bad-quantization"
    summary = "A scale, a zero point or an accumulator lies outside what 32 bits hold."


class UnknownName(CodegenError):
    """No target, network or option has the given name."""

    code = "unknown-name"
    exit_status = EXIT_USAGE
    summary = "No target, network or option has that name."


class BadOption(CodegenError):
    """An option has a value it cannot take, or options contradict each other."""

    code = "bad-option"
    exit_status = EXIT_USAGE
    summary = "An option has a value it cannot take, or options contradict each other."


class BadTarget(CodegenError):
    """A target file is not valid."""

    code = "bad-target"
    summary = "A target file lacks a field or holds a value it cannot take."


class OutputExists(CodegenError):
    """The output folder exists and --force was not given."""

    code = "output-exists"
    summary = "The output exists already; nothing was changed."


class OutputNotWritable(CodegenError):
    """The output cannot be written."""

    code = "output-not-writable"
    summary = "The output could not be written; nothing was left behind."


class MissingTool(CodegenError):
    """A compiler, emulator or Python package that the command needs is not installed."""

    code = "missing-tool"
    summary = "A compiler, an emulator or a Python package that is needed is not installed."


class ToolFailed(CodegenError):
    """A compiler or emulator ran and failed."""

    code = "tool-failed"
    summary = "A compiler, linker or emulator ran and failed."


class VerificationFailed(CodegenError):
    """Two implementations of the same network gave different bytes."""

    code = "verification-failed"
    exit_status = EXIT_VERIFY_FAILED
    summary = "Reference, host C and target C differ in some byte, or the memory plan is wrong."


class DoesNotFit(CodegenError):
    """The network needs more memory than the target or the budget has."""

    code = "does-not-fit"
    exit_status = EXIT_DOES_NOT_FIT
    summary = (
        "The network needs more RAM or flash than the target or the budget gives, or more"
        " multipliers or block RAMs than an FPGA has."
    )
