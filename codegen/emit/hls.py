"""What tools of high-level synthesis are given besides: top function, testbench and scripts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from codegen.emit.ports import suffix
from codegen.ir.interface import Port
from codegen.ir.program import Place, Program

TOP, TOP_HEADER, TESTBENCH = "_hls.c", "_hls.h", "_hls_tb.c"
"""What follows the network's name in names of files; `{name}_top` is the function."""

TEMPLATES = {
    TOP: "hls/top.c.j2",
    TOP_HEADER: "hls/top.h.j2",
    TESTBENCH: "hls/testbench.c.j2",
}
SCRIPTS = {"run_hls.tcl": "hls/run_hls.tcl.j2", "Makefile": "hls/Makefile.j2"}


@dataclass(frozen=True, slots=True)
class TopPort:
    """A parameter of the top function, and how its element i is copied from or to the arena."""

    name: str
    ctype: str
    length: str
    size: int
    index: str
    to_arena: str
    from_arena: str


def hls_files(name: str) -> Mapping[str, str]:
    """Return file name -> template of what is emitted for the network."""
    return {**{f"{name}{end}": path for end, path in TEMPLATES.items()}, **SCRIPTS}


def hls_sources(name: str) -> tuple[str, ...]:
    """Return the C files that become hardware."""
    return f"{name}{TOP}", f"{name}.c", f"{name}_weights.c"


def hls_context(program: Program) -> dict[str, object]:
    """Return what the templates see besides the network."""
    interface = program.interface
    name = interface.name
    inputs = _ports(name, "input", interface.inputs, program.input_places)
    outputs = _ports(name, "output", interface.outputs, program.output_places)
    declared = [f"const {port.ctype} {port.name}[{port.length}]" for port in inputs]
    declared += [f"{port.ctype} {port.name}[{port.length}]" for port in outputs]
    given = [f"{name}_golden_{port.name}" for port in inputs] + [port.name for port in outputs]
    return {
        "input_ports": inputs,
        "output_ports": outputs,
        "ports": (*inputs, *outputs),
        "top_parameters": ", ".join(declared),
        "testbench_arguments": ", ".join(given),
        "sources": hls_sources(name),
        "bambu_sizes": [f"--tb-param-size={p.name}:{p.size}" for p in (*inputs, *outputs)],
    }


def _ports(
    network: str, kind: str, ports: tuple[Port, ...], places: tuple[Place | None, ...]
) -> tuple[TopPort, ...]:
    found = []
    for number, (port, place) in enumerate(zip(ports, places, strict=True)):
        assert place is not None and port.dtype.size_bytes == 1, "a byte an element, in the arena"
        name, ctype = f"{kind}{suffix(number, len(ports))}", port.dtype.ctype
        index = f"{place.offset} + i" if place.offset else "i"
        is_int8 = ctype == "int8_t"
        found.append(
            TopPort(
                name=name,
                ctype=ctype,
                length=f"{network}_{name}_SIZE".upper(),
                size=port.size_bytes,
                index=index,
                to_arena=f"{name}[i]" if is_int8 else f"(int8_t){name}[i]",
                from_arena=f"arena[{index}]" if is_int8 else f"({ctype})arena[{index}]",
            )
        )
    return tuple(found)
