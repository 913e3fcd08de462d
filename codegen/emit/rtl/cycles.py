"""How many cycles a command takes, exactly, where the streams never wait."""

from __future__ import annotations

from codegen.emit.rtl.descriptor import COMMAND_WORDS, spell_out
from codegen.ir.engine import WINDOW, Command, Kind, Shape
from codegen.ir.engine_cycles import loop_cycles

PACE = 36
"""From the end of a softmax's sum to its first division, and from one to the next."""
LOAD = 5
"""From the end of a command to the first beat of the next, besides a cycle a word."""
RECEIVE = 2
"""From the last word that is received to the end of the command."""
SEND = 10
"""From the last beat of a send to the end of the command."""
FLOW = 29
"""From the last beat to the end of the command, besides sums, rescaled results and divisions."""
DIVISION = 36
"""What a softmax takes from a byte to its share, besides the pipeline."""
FRAME = 1
"""From the end of a frame to the beginning of the next."""


def command_cycles(shape: Shape, command: Command) -> int:
    """Return the cycles from the end of the command before to its own end."""
    load = COMMAND_WORDS + LOAD
    if command.kind is Kind.RECEIVE:
        return load + -(-command.row_bytes // shape.simd) + RECEIVE
    if command.kind is Kind.SEND:
        return load + -(-command.row_bytes // shape.simd) + SEND
    flow = load + FLOW + shape.simd.bit_length() - 1
    if command.kind is Kind.SOFTMAX:
        return flow + _softmax_beats(command) + DIVISION
    return flow + loop_cycles(shape, spell_out(shape, command))


def _softmax_beats(command: Command) -> int:
    """Return the cycles from the first beat to the last; divisions wait for each other."""
    n, groups = command.row_bytes, command.counts[WINDOW]
    return 2 * n + (groups - 1) * max(2 * n, PACE) + groups * n * PACE
