"""Simulation of a netlist: what synthesis made of a network sends the same bytes."""

from __future__ import annotations

from pathlib import Path

from codegen.emit.c import environment
from codegen.emit.rtl.streams import Streams
from codegen.ir.types import Array
from codegen.toolchain.verilator import Simulation, build_verilator, run_verilator
from codegen.toolchain.yosys import cell_models, write_netlist

PORTS = ("A", "B")
INITIAL_ROWS = 64
STALL_PERCENT = 20
CELLS = ("ecp5/common_sim.vh", "ecp5/ccu2c_sim.vh")


def run_netlist(name: str, folder: Path, streams: Streams, frames: Array, out: Path) -> Simulation:
    """Synthesize a folder for an ECP5 and run frames through the netlist, in `out`, with stalls.

    Cells are yosys' own models; it has none of multipliers and block RAMs, so these are ours.
    """
    netlist = write_netlist(name, folder, "ecp5", out)
    cells = out / "cells.v"
    cells.write_text(f"{_cells()}\n{_blocks()}", encoding="utf-8")
    simulator = build_verilator(name, (netlist, cells), streams, out)
    return run_verilator(simulator, out, frames, stall_percent=STALL_PERCENT)


def _cells() -> str:
    """Return yosys' models, without its pads and without checks that simulators cannot read."""
    texts = [path.read_text(encoding="utf-8") for path in cell_models(CELLS)]
    lines = [line for line in "\n".join(texts).splitlines() if "$error(" not in line]
    return "\n".join(("`define NO_INCLUDES", *lines))


def _blocks() -> str:
    data = {f"{pin}{port}": _bits(f"{pin}{port}", 18) for pin in ("DI", "DO") for port in PORTS}
    return (
        environment()
        .get_template("rtl/ecp5_blocks.v.j2")
        .render(
            ports=PORTS,
            operands={letter: _bits(letter, 18) for letter in "ABC"},
            products=_bits("P", 36),
            addresses={port: _bits(f"AD{port}", 14) for port in PORTS},
            data=data,
            rows=[f"INITVAL_{row:02X}" for row in range(INITIAL_ROWS)],
        )
    )


def _bits(name: str, count: int) -> str:
    """Return the pins of a number, the highest first."""
    return ", ".join(f"{name}{bit}" for bit in reversed(range(count)))
