"""How many cycles the loops of a command of the shared engine take."""

from __future__ import annotations

import math

from codegen.ir.engine import WINDOW, Command, Kind, Shape


def loop_cycles(shape: Shape, command: Command) -> int:
    """Return the cycles from the first beat until the last set is rescaled.

    The last beat of a result set waits until the set before is rescaled.
    """
    _, _, _, _, rows, blocks, groups = command.counts
    beats = math.prod(command.counts[:WINDOW])
    first = beats * (command.prime + 1 if command.slide else 1)
    others = beats * (command.phase + 1 if command.slide else 1)
    sets = (command.results, command.last_results)
    full, last = (steps(shape, command, results) for results in sets)

    def block(drain: int) -> int:
        in_rows = rows * (command.out_columns - 1) * max(others, drain)
        return in_rows + (rows - 1) * max(first, drain)

    group = (blocks - 1) * (block(full) + max(first, full)) + block(last)
    return first + groups * group + (groups - 1) * max(first, last) + last


def steps(shape: Shape, command: Command, results: int) -> int:
    """Return the cycles in which a set of results is rescaled."""
    return results if one_at_a_time(command) else -(-results // shape.lanes)


def one_at_a_time(command: Command) -> bool:
    """Tell whether a cycle rescales one result, whatever the lanes."""
    return command.single or command.kind is Kind.ADD
