"""A small network written by hand, with the API of emitted ones, and builds of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from codegen.errors import MissingTool
from codegen.ir.interface import Interface, Port
from codegen.ir.types import Array
from codegen.targets import load_target
from codegen.toolchain.cross import TargetBuild, build_target

FILES = Path(__file__).parent / "toy"
CORES = ("cortex-m0plus", "cortex-m3", "cortex-m4", "cortex-m7", "cortex-m33", "rv32imc")


@dataclass(frozen=True, slots=True)
class Network:
    """A folder as emission leaves it."""

    folder: Path
    interface: Interface


def toy_reference(x: Array) -> Array:
    """What toy.c computes, in NumPy."""
    weights = (np.arange(8 * 32) * 37 % 251 - 125).astype(np.int64).reshape(8, 32)
    hidden = np.maximum(x.reshape(len(x), 32).astype(np.int64), 0)
    accumulator = hidden @ weights.T + 1000
    return np.clip((accumulator * 20_000_000 + 2**31) >> 32, -128, 127).astype(np.int8)


def toy_inputs(count: int) -> Array:
    return np.random.default_rng(7).integers(-128, 128, (count, 4, 4, 2)).astype(np.int8)


@pytest.fixture(scope="session")
def toy() -> Network:
    x = Port("x", (4, 4, 2), 0.5, 3)
    y = Port("y", (8,), 0.25, -1)
    return Network(FILES, Interface("toy", (x,), (y,), 80, 8))


@pytest.fixture(scope="session", params=CORES)
def core(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="session")
def toy_build(toy: Network, core: str, tmp_path_factory: pytest.TempPathFactory) -> TargetBuild:
    """toy for each core, by zig."""
    out = tmp_path_factory.mktemp(core)
    try:
        return build_target(toy.folder, toy.interface, load_target(core), out)
    except MissingTool as missing:
        pytest.skip(str(missing))
