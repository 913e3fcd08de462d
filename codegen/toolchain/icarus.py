"""The emitted Verilog, or a netlist of it, run by Icarus Verilog, in which X spreads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from codegen.emit.rtl.streams import Streams
from codegen.emit.rtl.testbench import stream_images, verilog_testbench
from codegen.errors import ToolFailed
from codegen.ir.types import Array
from codegen.toolchain.tools import find_program, run_tool

PACKAGE = "iverilog"
PASS, FAIL = "PASS", "FAIL"


@dataclass(frozen=True, slots=True)
class Outcome:
    """Whether every bit that was sent is as expected, none being X; and what was printed."""

    passed: bool
    output: str


def run_icarus(
    name: str,
    files: Sequence[Path],
    folder: Path,
    streams: Streams,
    frames: Array,
    outputs: Array,
    *,
    stall_percent: int = 0,
    seed: int = 1,
) -> Outcome:
    """Run module NAME_top on frames, rows of all inputs' bytes; `outputs` must come, row by row.

    `folder` holds the memory images, and gets what the testbench reads. Raises MissingTool, or
    ToolFailed.
    """
    compiler, runner = find_program("iverilog", PACKAGE), find_program("vvp", PACKAGE)
    bench, compiled = folder / f"tb_{name}.v", folder / f"{name}_tb.vvp"
    bench.write_text(verilog_testbench(name, streams, len(frames)), encoding="utf-8")
    for file, text in stream_images(name, streams, frames, outputs).items():
        (folder / file).write_text(text, encoding="utf-8")
    run_tool((compiler, "-g2005-sv", "-s", f"{name}_tb", "-o", compiled, bench, *files))
    options = (f"+stall={stall_percent}", f"+seed={seed}")
    output = run_tool((runner, "-N", compiled, *options), folder=folder).decode(errors="replace")
    if not any(end in output for end in (PASS, FAIL)):
        raise ToolFailed(f"vvp ended without a result:\n{output.strip()}")
    return Outcome(FAIL not in output, output)
