"""What the extension for vectors of Armv8.1-M adds to Thumb, of which capstone knows nothing."""

from __future__ import annotations

from codegen.toolchain.kinds import Kind

Decoded = tuple[str, Kind, int | None]
"""Mnemonic, kind, and where a branch goes."""


def decode_helium(code: bytes, address: int) -> Decoded | None:
    """Return an instruction of four bytes, None for one that is older.

    Arithmetic but for the dot products that most of it is about is called `vector`.

    >>> decode_helium(bytes.fromhex("0ff063c0"), 0xC0)
    ('le', <Kind.BRANCH: 'branch'>, 0)
    >>> decode_helium(bytes.fromhex("90ed001e"), 0)
    ('vldr', <Kind.VECTOR_MEMORY: 'vector_memory'>, None)
    >>> decode_helium(bytes.fromhex("f0ee220f"), 0)
    ('vmladav', <Kind.VECTOR: 'vector'>, None)
    """
    first = int.from_bytes(code[:2], "little")
    second = int.from_bytes(code[2:], "little")
    if first & 0xFF80 == 0xF000:
        return _loop(first, second, address)
    if first & 0xEC00 != 0xEC00:
        return None
    on_vectors = second & 0x0E00 == 0x0E00
    if first & 0x0200 == 0:
        if not on_vectors:
            return None
        if first & 0xFFE0 == 0xEC00:
            return "vmov", Kind.VECTOR, None
        return "vldr" if first & 0x10 else "vstr", Kind.VECTOR_MEMORY, None
    if first & 0x0100 == 0 and not on_vectors:
        moves_lane = second & 0x0F1F == 0x0B10
        return ("vmov", Kind.VECTOR, None) if moves_lane else None
    is_dot_product = first & 0xFFF1 == 0xEEF0
    return "vmladav" if is_dot_product else "vector", Kind.VECTOR, None


def _loop(first: int, second: int, address: int) -> Decoded | None:
    """Return an instruction of low-overhead loops, or one that makes a predicate of a count."""
    offset = ((second & 0x07FE) << 1) | ((second & 0x0800) >> 10)
    if second & 0xF001 == 0xC001:
        if first & 0xF == 0xF:
            return "letp" if first & 0x10 else "le", Kind.BRANCH, address + 4 - offset
        return "wls", Kind.BRANCH, address + 4 + offset
    if second & 0xF801 == 0xE801:
        return "vctp", Kind.VECTOR, None
    return ("dls", Kind.ALU, None) if second & 0xF001 == 0xE001 else None
