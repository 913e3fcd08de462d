"""What stands beside the Verilog of a network: testbenches, stored frames, pins, a Makefile."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from codegen.emit.c import environment
from codegen.emit.golden import Golden
from codegen.emit.rtl.pins import emit_pins
from codegen.emit.rtl.program import bank_words_of, emit_rtl, streams_of
from codegen.emit.rtl.streams import Streams
from codegen.emit.rtl.testbench import stream_images, verilator_testbench, verilog_testbench
from codegen.ir.program import Program
from codegen.ir.types import Array
from codegen.targets import Fpga, Target

SYNTHESIS = {
    "ecp5": "synth_ecp5",
    "ice40": "synth_ice40",
    "xc7": "synth_xilinx -family xc7",
}
"""By family. Products of an iCE40 are made of logic, as it has no -dsp."""
BUILT_IN = ("ecp5",)
"""Families whose multipliers and block RAMs are used with the registers inside them."""
FACTOR_BITS, PRODUCT_BITS = 18, 36
PINS_A_ROW = 4
BOARDS = {("ecp5", "85k"): "ulx3s.lpf"}
"""A board of a family's device, by the file of its pins."""
PLACED = ("ecp5", "ice40")
FRAMES = 1


def emit_hardware(program: Program, target: Target, golden: Golden) -> dict[str, str | bytes]:
    """Return the Verilog of a network, what its memories hold, and what stands beside it."""
    assert target.fpga is not None and target.clock_hz is not None
    name, streams = program.interface.name, streams_of(program)
    bench = verilator_testbench(name, streams, bank_words_of(program))
    beside = emit_board(name, target.fpga, streams, bench, golden, target.clock_hz)
    return {**emit_rtl(program), **beside}


def emit_board(
    name: str, fpga: Fpga, streams: Streams, bench: str, golden: Golden, clock_hz: int
) -> dict[str, str]:
    """Return file name -> text of all but the network's modules and memory images.

    `bench` is the testbench for Verilator.
    """
    env, lpf = environment(), BOARDS.get((fpga.family, fpga.device), "")
    makefile = env.get_template("rtl/Makefile.j2").render(
        name=name,
        frames=FRAMES,
        words_in=streams.words_in,
        words_out=streams.words_out,
        family=fpga.family,
        script=synthesis_script(name),
        device=_device(fpga),
        freq=f"{clock_hz / 1e6:g}",
        lpf=lpf,
        constraints=_constraints(fpga, lpf),
    )
    files = {
        f"tb_{name}.cpp": bench,
        f"tb_{name}.v": verilog_testbench(name, streams, FRAMES),
        f"test_{name}.py": env.get_template("rtl/test_cocotb.py.j2").render(
            name=name, simd=fpga.simd, weights=streams.weights
        ),
        f"{name}_pins.v": emit_pins(name, streams),
        **emit_synthesis(name, fpga.family, f"{name}_pins"),
        **stream_images(name, streams, _row(golden.inputs), _row(golden.outputs)),
        "Makefile": makefile,
    }
    if lpf:
        files[lpf] = env.get_template(f"rtl/{lpf}.j2").render(name=name)
    return files


def emit_synthesis(name: str, family: str, top: str) -> dict[str, str]:
    """Return file name -> text of what yosys takes besides modules to synthesize module `top`."""
    env, built_in = environment(), family in BUILT_IN
    script = env.get_template("rtl/synthesis.ys.j2").render(
        name=name, command=SYNTHESIS[family], top=top, built_in=built_in
    )
    files = {synthesis_script(name): script}
    if built_in:
        files[f"{family}_{name}.v"] = env.get_template(f"rtl/{family}_multiplier.v.j2").render(
            name=name,
            pins=_in_lines(
                [
                    *_pins("A", "a", FACTOR_BITS),
                    *_pins("B", "b", FACTOR_BITS),
                    *_pins("P", "product", PRODUCT_BITS),
                ]
            ),
        )
    return files


def synthesis_script(name: str) -> str:
    """Return the file of yosys' commands for a network."""
    return f"synth_{name}.ys"


def _pins(letter: str, port: str, count: int) -> list[str]:
    """Return the connection of each pin of a number, the lowest bit first."""
    return [f".{letter}{bit}({port}[{bit}])" for bit in range(count)]


def _in_lines(pins: Sequence[str]) -> list[str]:
    """Return connections in lines of a few."""
    rows = [", ".join(pins[i : i + PINS_A_ROW]) for i in range(0, len(pins), PINS_A_ROW)]
    return [*(f"{row}," for row in rows[:-1]), rows[-1]]


def _device(fpga: Fpga) -> str:
    """Return the options of nextpnr that name a device; none where it cannot place it."""
    if fpga.family not in PLACED:
        return ""
    speed = f" --speed {fpga.speed}" if fpga.speed else ""
    return f"--{fpga.device} --package {fpga.package}{speed}"


def _constraints(fpga: Fpga, lpf: str) -> str:
    """Return the options of nextpnr that name what it writes, and the pins."""
    if fpga.family == "ice40":
        return "--asc $@"
    return f"--textcfg $@ --router router2 --lpf-allow-unconstrained{f' --lpf {lpf}' * bool(lpf)}"


def _row(arrays: Sequence[Array]) -> Array:
    """Return the bytes of one frame, as a row."""
    return np.concatenate([np.ascontiguousarray(a).view(np.int8).reshape(1, -1) for a in arrays], 1)
