"""Which blocks QEMU executed, from its log of translations (`in_asm`) and executions (`exec`)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import BinaryIO

TRANSLATED = b"IN:"
INSTRUCTION = re.compile(rb"0x([0-9a-f]{8}):  ((?:[0-9a-f]{4} )+)")
"""A line of `in_asm`: what its disassembler does not know, it cuts into halfwords."""
EXECUTED = re.compile(rb"Trace \d+: (0x[0-9a-f]+) \[[0-9a-f]+/([0-9a-f]+)/")
NOT_EXECUTED = b"Stopped execution of TB chain before "


class Trace:
    """A log that QEMU writes, read as it grows; `nochain` must be logged too."""

    def __init__(self, log: BinaryIO) -> None:
        self._log = log
        self._blocks: dict[bytes, tuple[int, int]] = {}
        self._translated: tuple[int, int] | None = None

    def blocks(self) -> Iterator[tuple[int, int]]:
        """Yield address and size in bytes of each block executed since the last call.

        A block is logged when it is translated, right before it is first executed.
        """
        waiting: tuple[int, int] | None = None
        for line in self._log:
            if executed := EXECUTED.match(line):
                if waiting is not None:
                    yield waiting
                code, address = executed[1], int(executed[2], 16)
                if self._translated is not None and self._translated[0] == address:
                    self._blocks[code] = self._translated
                self._translated = None
                waiting = self._blocks[code]
            elif line.startswith(TRANSLATED):
                self._translated = None
            elif line.startswith(NOT_EXECUTED):
                waiting = None
            elif instruction := INSTRUCTION.match(line):
                self._translated = extended(self._translated, instruction)
        if waiting is not None:
            yield waiting


def extended(block: tuple[int, int] | None, line: re.Match[bytes]) -> tuple[int, int]:
    """Return a block with one more instruction, a line of `in_asm`."""
    address, size = int(line[1], 16), len(line[2].replace(b" ", b"")) // 2
    start = address if block is None else block[0]
    return start, address + size - start
