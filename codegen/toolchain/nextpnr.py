"""Placing and routing by nextpnr: how fast a netlist is, and what it takes of the device."""

from __future__ import annotations

import json
from dataclasses import dataclass

from codegen.targets import Fpga
from codegen.toolchain.tools import find_hardware_tool, run_program, run_tool
from codegen.toolchain.yosys import Netlist

LOGIC_CELLS = {"ecp5": "TRELLIS_COMB", "ice40": "ICESTORM_LC"}
"""What nextpnr calls a look-up table with its flip-flop, by family: those that it can place."""
ROUTER = ("--router", "router2")
"""The other one takes some times as long."""
REPORT = "placed.json"


@dataclass(frozen=True, slots=True)
class Placed:
    """A netlist placed and routed from a seed: its clock by static timing, logic cells used."""

    seed: int
    mhz: float
    logic_cells: int


def place_and_route(netlist: Netlist, fpga: Fpga, seed: int, freq_mhz: float) -> Placed:
    """Return how a netlist does that tries to attain a clock; raises MissingTool or ToolFailed."""
    folder = netlist.path.parent
    device = (f"--{fpga.device}", "--package", fpga.package)
    speed = ("--speed", fpga.speed) if fpga.speed else ()
    goal = ("--freq", f"{freq_mhz:g}", "--timing-allow-fail", "--seed", str(seed))
    files = ("--json", netlist.path.name, "--report", REPORT)
    free = ("--lpf-allow-unconstrained",) if fpga.family == "ecp5" else ()
    run_tool((_program(fpga), "-q", *device, *speed, *ROUTER, *goal, *files, *free), folder=folder)
    found = json.loads((folder / REPORT).read_text(encoding="utf-8"))
    clocks = [clock["achieved"] for clock in found["fmax"].values()]
    used = found["utilization"][LOGIC_CELLS[fpga.family]]["used"]
    return Placed(seed, round(min(clocks), 2), used)


def nextpnr_version(fpga: Fpga) -> str:
    """Return the tool and its version; raises MissingTool."""
    done = run_program((_program(fpga), "--version"))
    text = (done.stdout + done.stderr).decode(errors="replace")
    version = text.rpartition("Version ")[2].strip().rstrip(")")
    return f"nextpnr-{fpga.family} {version.removeprefix('nextpnr-')}"


def _program(fpga: Fpga) -> str:
    return find_hardware_tool(f"nextpnr-{fpga.family}")
