"""Run a network's commands as the shared engine would, and compare what they send."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from codegen.ir.interface import Port
from codegen.ir.report import Check
from codegen.ir.types import Array
from codegen.lower.rtl import Image
from codegen.verify.check import Subject, compare
from codegen.verify.engine import execute

PLACE = "commands"


def check_commands(subject: Subject, image: Image) -> Check:
    """Return the check of an image on a subject's inputs, frame after frame in one arena."""
    arena = np.zeros(image.arena_bytes, np.int8)
    sent = []
    for frame in frames_of(subject.inputs.arrays):
        sent.append(execute(image.shape, image.memories, image.commands, arena, frame))
    return compare(PLACE, subject, outputs_of(np.stack(sent), subject.interface.outputs))


def frames_of(inputs: Sequence[Array]) -> Array:
    """Return the bytes of all inputs in order, a row a frame."""
    count = len(inputs[0])
    return np.concatenate([array.reshape(count, -1).view(np.int8) for array in inputs], axis=1)


def outputs_of(sent: Array, ports: Sequence[Port]) -> tuple[Array, ...]:
    """Return the outputs (N, *shape) whose bytes are in order in each row of `sent`."""
    found, start = [], 0
    for port in ports:
        bytes_ = np.ascontiguousarray(sent[:, start : start + port.size_bytes])
        found.append(bytes_.view(port.dtype.numpy).reshape(len(sent), *port.shape))
        start += port.size_bytes
    return tuple(found)
