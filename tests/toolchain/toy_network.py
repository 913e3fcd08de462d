"""A small network written by hand, with the API of emitted ones; what it computes, in NumPy."""

from __future__ import annotations

import importlib.util
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from codegen.ir.interface import Interface, Port
from codegen.ir.types import Array

PACKAGES = ("ziglang", "unicorn", "capstone", "elftools")
ABSENT = [name for name in PACKAGES if importlib.util.find_spec(name) is None]
needs_target_tools = pytest.mark.skipif(
    bool(ABSENT), reason=f"absent: {', '.join(ABSENT)} (pip install 'codegen-mcu[target]')"
)
FILES = Path(__file__).parent / "toy"
CORES = ("cortex-m0plus", "cortex-m3", "cortex-m4", "cortex-m7", "cortex-m33", "rv32imc")


@dataclass(frozen=True, slots=True)
class Network:
    """A folder as emission leaves it."""

    folder: Path
    interface: Interface


def toy_network() -> Network:
    x = Port("x", (4, 4, 2), 0.5, 3)
    y = Port("y", (8,), 0.25, -1)
    return Network(FILES, Interface("toy", (x,), (y,), 80, 8))


def toy_reference(x: Array) -> Array:
    """What toy.c computes."""
    weights = (np.arange(8 * 32) * 37 % 251 - 125).astype(np.int64).reshape(8, 32)
    hidden = np.maximum(x.reshape(len(x), 32).astype(np.int64), 0)
    accumulator = hidden @ weights.T + 1000
    return np.clip((accumulator * 20_000_000 + 2**31) >> 32, -128, 127).astype(np.int8)


def toy_inputs(count: int) -> Array:
    return np.random.default_rng(7).integers(-128, 128, (count, 4, 4, 2)).astype(np.int8)


def mutated(toy: Network, folder: Path, old: str, new: str) -> Network:
    """A copy of toy, its C changed at one place."""
    shutil.copytree(toy.folder, folder, dirs_exist_ok=True)
    text = (folder / "toy.c").read_text()
    assert text.count(old) == 1
    (folder / "toy.c").write_text(text.replace(old, new))
    return Network(folder, toy.interface)
