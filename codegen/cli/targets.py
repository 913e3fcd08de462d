"""codegen targets: what C can be generated for."""

from __future__ import annotations

import json
from dataclasses import asdict

import click
from rich.table import Table

from codegen.cli.console import stdout
from codegen.targets import Target, list_targets, load_target


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print the targets as JSON.")
def targets(as_json: bool) -> None:
    """List the targets: the core, its kernels, and the part that its figures are of."""
    known = [load_target(name) for name in list_targets()]
    if as_json:
        click.echo(json.dumps([_to_json(target) for target in known], indent=2))
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for header in ("Target", "Kernels", "Part"):
        table.add_column(header, no_wrap=True)
    for header in ("Clock", "Flash", "RAM"):
        table.add_column(header, justify="right", no_wrap=True)
    table.add_column("Description")
    for target in known:
        table.add_row(*_cells(target))
    stdout().print(table)


def _cells(target: Target) -> tuple[str, ...]:
    clock = f"{target.clock_hz / 1e6:g} MHz" if target.clock_hz else "-"
    sizes = target.size_bytes("flash"), target.size_bytes("ram") or _block_ram_bytes(target)
    kilobytes = (f"{size // 1024:,} KiB" if size else "-" for size in sizes)
    return target.name, target.kernels[0], target.part, clock, *kilobytes, target.description


def _block_ram_bytes(target: Target) -> int:
    """Return what all block RAMs of an FPGA hold, parity left out."""
    if target.fpga is None:
        return 0
    words, bits = target.fpga.ram_shapes[0]
    return target.fpga.block_rams * words * bits // 8


def _to_json(target: Target) -> dict[str, object]:
    return {
        "name": target.name,
        "description": target.description,
        "core": target.core,
        "part": target.part,
        "isa": target.isa,
        "kernels": target.kernels,
        "clock_hz": target.clock_hz,
        "flash_bytes": target.size_bytes("flash"),
        "ram_bytes": target.size_bytes("ram"),
        "memories": [asdict(memory) for memory in target.memories],
        "emulated": target.is_emulated,
        "fpga": asdict(target.fpga) if target.fpga else None,
    }
