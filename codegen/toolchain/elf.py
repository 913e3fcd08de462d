"""What a linked network occupies, read from its ELF."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from codegen.ir.program import Program
from codegen.toolchain.cross import TargetBuild
from codegen.toolchain.tools import import_package

WRITE, ALLOC = 1, 2
"""sh_flags SHF_WRITE and SHF_ALLOC."""


@dataclass(frozen=True, slots=True)
class Segment:
    """Bytes to load; never writable, for a network has no writable data of its own."""

    address: int
    data: bytes
    executable: bool

    @property
    def end(self) -> int:
        """The address after the last byte."""
        return self.address + len(self.data)


@dataclass(frozen=True, slots=True)
class Function:
    """A function of the image: half open range of addresses, without the Thumb bit."""

    name: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class ElfFacts:
    """Bytes a network takes in the image, and the symbols it shows and needs.

    flash_bytes: all that is loaded: code_bytes and weights_bytes and initial values of data.
    runtime_bytes: functions of the compiler's own library, such as memcpy, part of code_bytes.
    ram_bytes: writable data outside the arena: 0 for a correct network.
    functions: all of the image.
    defined: external symbols of NAME.c and NAME_weights.c; imported: those they need from outside.
    """

    flash_bytes: int
    code_bytes: int
    weights_bytes: int
    runtime_bytes: int
    ram_bytes: int
    defined: tuple[str, ...]
    imported: tuple[str, ...]
    functions: tuple[Function, ...]


def read_facts(build: TargetBuild) -> ElfFacts:
    """Return sizes from the linked image and symbols from the objects; raises MissingTool."""
    flash = weights = ram = 0
    interface = build.interface
    places = {".weights", *(f".{interface.stem}_const_{name}" for name in interface.sections)}
    with build.elf.open("rb") as file:
        for section in _elf_file(file).iter_sections():
            flags, size = section["sh_flags"], section["sh_size"]
            if not flags & ALLOC:
                continue
            ram += size if flags & WRITE else 0
            flash += size if section["sh_type"] != "SHT_NOBITS" else 0
            weights += size if section.name in places else 0
    defined, undefined = _globals(build.objects)
    own = _own_functions(build.objects)
    functions = read_functions(build.elf)
    return ElfFacts(
        flash_bytes=flash,
        code_bytes=flash - weights,
        weights_bytes=weights,
        runtime_bytes=sum(f.end - f.start for f in functions if f.name not in own),
        ram_bytes=ram,
        defined=tuple(sorted(defined)),
        imported=tuple(sorted(undefined - defined)),
        functions=functions,
    )


def read_segments(elf: Path) -> tuple[Segment, ...]:
    """Return what the image loads."""
    with elf.open("rb") as file:
        return tuple(
            Segment(segment["p_vaddr"], segment.data(), bool(segment["p_flags"] & 1))
            for segment in _elf_file(file).iter_segments("PT_LOAD")
            if segment["p_filesz"]
        )


def read_section(elf: Path, name: str) -> tuple[int, int]:
    """Return the first address of a section of the image, and that after its last."""
    with elf.open("rb") as file:
        section = _elf_file(file).get_section_by_name(name)
        start, size = int(section["sh_addr"]), int(section["sh_size"])
    return start, start + size


def read_functions(elf: Path) -> tuple[Function, ...]:
    """Return the functions of the image by address; of several names at one, the shortest."""
    with elf.open("rb") as file:
        table = _elf_file(file).get_section_by_name(".symtab")
        symbols = [s for s in table.iter_symbols() if s["st_info"]["type"] == "STT_FUNC"]
        found = {}
        for symbol in sorted(symbols, key=lambda symbol: (-len(symbol.name), symbol.name)):
            start = symbol["st_value"] & ~1
            found[start] = Function(symbol.name, start, start + symbol["st_size"])
    return tuple(found[start] for start in sorted(found))


def kernel_bytes(functions: Sequence[Function], program: Program) -> dict[str, int]:
    """Return the bytes of code of each kernel by its name, with the layers that call it.

    What kernels share stands by itself.

    Compilers join a kernel with its layer, split it, and copy it: what is left of it begins with
    its name, and what is joined is in the layer's function.
    """
    found = dict.fromkeys((function.name for function in program.functions), 0)
    found |= dict.fromkeys((part.name for f in program.functions for part in f.parts), 0)
    owners = {layer.name: layer.function.name for layer in program.layers}
    owners |= {name: name for name in found}
    for function in functions:
        names = [name for name in owners if is_part_of(function.name, name)]
        if names:
            found[owners[max(names, key=len)]] += function.end - function.start
    return found


def is_part_of(symbol: str, name: str) -> bool:
    """A symbol is a function of that name, a copy of it, or a helper named after it."""
    return symbol == name or symbol.startswith((f"{name}.", f"{name}_"))


def _globals(objects: tuple[Path, ...]) -> tuple[set[str], set[str]]:
    """Return the external symbols that objects define, and those they do not."""
    defined: set[str] = set()
    undefined: set[str] = set()
    for path in objects:
        with path.open("rb") as file:
            for symbol in _elf_file(file).get_section_by_name(".symtab").iter_symbols():
                if symbol["st_info"]["bind"] not in ("STB_GLOBAL", "STB_WEAK") or not symbol.name:
                    continue
                (undefined if symbol["st_shndx"] == "SHN_UNDEF" else defined).add(symbol.name)
    return defined, undefined


def _own_functions(objects: tuple[Path, ...]) -> set[str]:
    """Return the names of all functions that objects define, static ones included."""
    found = set()
    for path in objects:
        with path.open("rb") as file:
            table = _elf_file(file).get_section_by_name(".symtab")
            found |= {s.name for s in table.iter_symbols() if s["st_info"]["type"] == "STT_FUNC"}
    return found


def _elf_file(file: Any) -> Any:
    return import_package("elftools.elf.elffile").ELFFile(file)
