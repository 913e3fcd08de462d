"""A client of GDB's remote protocol: memory, registers and runs of what QEMU emulates."""

from __future__ import annotations

import socket
from pathlib import Path

from codegen.errors import ToolFailed

PACKET_BYTES = 1024
"""Of memory that one packet carries, at two digits a byte; QEMU takes twice as many."""
DESCRIBE = "qXfer:features:read:target.xml:0,1"
"""Single registers can be accessed by who has asked for their description."""
ARM_REGISTERS = 16
"""r0 to r12, sp, lr and pc."""


class Debugger:
    """A connection to a processor that stands still; raises ToolFailed if there is no answer."""

    def __init__(self, path: Path, timeout_s: float) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(timeout_s)
        self._socket.connect(str(path))
        self._received = b""
        self._ask(DESCRIBE)

    def close(self) -> None:
        """Hang up."""
        self._socket.close()

    def read(self, address: int, size: int) -> bytes:
        """Return bytes of memory."""
        pieces = []
        for start in range(address, address + size, PACKET_BYTES):
            count = min(PACKET_BYTES, address + size - start)
            pieces.append(bytes.fromhex(self._ask(f"m{start:x},{count:x}")))
        return b"".join(pieces)

    def write(self, address: int, data: bytes) -> None:
        """Write bytes to memory."""
        for at in range(0, len(data), PACKET_BYTES):
            piece = data[at : at + PACKET_BYTES]
            self._command(f"M{address + at:x},{len(piece):x}:{piece.hex()}")

    def read_register(self, number: int) -> int:
        """Return r0 to r12, sp, lr or pc."""
        return int.from_bytes(bytes.fromhex(self._ask(f"p{number:x}")), "little")

    def write_register(self, number: int, value: int) -> None:
        """Set r0 to r12, sp, lr or pc."""
        self._command(f"P{number:x}={(value & 0xFFFFFFFF).to_bytes(4, 'little').hex()}")

    def stop_at(self, address: int) -> None:
        """Have runs stop at an address; QEMU executes its page one instruction at a time."""
        self._command(f"Z0,{address:x},2")

    def pass_by(self, address: int) -> None:
        """Have runs stop at an address no longer."""
        self._command(f"z0,{address:x},2")

    def run(self) -> int:
        """Go on to the next stop; return the address of the instruction there."""
        self._ask("c")
        return self.read_register(ARM_REGISTERS - 1)

    def monitor(self, command: str) -> None:
        """Give QEMU's monitor a command that prints nothing."""
        self._command(f"qRcmd,{command.encode().hex()}")

    def _command(self, packet: str) -> None:
        answer = self._ask(packet)
        if answer != "OK":
            raise ToolFailed(f"QEMU answered '{answer}' to '{packet[:40]}'")

    def _ask(self, packet: str) -> str:
        data = packet.encode()
        try:
            self._socket.sendall(b"$%s#%02x" % (data, sum(data) % 256))
            return self._answer()
        except OSError as error:
            raise ToolFailed(f"QEMU did not answer its debugger: {error}") from None

    def _answer(self) -> str:
        """Return the next packet, whose checksum a local socket makes superfluous."""
        while (end := self._received.find(b"#")) < 0 or len(self._received) < end + 3:
            more = self._socket.recv(1 << 16)
            if not more:
                raise ToolFailed("QEMU hung up on its debugger")
            self._received += more
        start = self._received.index(b"$")
        packet = self._received[start + 1 : end]
        self._received = self._received[end + 3 :]
        self._socket.sendall(b"+")
        return packet.decode()
