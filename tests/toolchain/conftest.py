"""Builds of the network written by hand; each is made once."""

from __future__ import annotations

import pytest

from codegen.targets import load_target
from codegen.toolchain import TargetBuild, build_target
from tests.toolchain.toy_network import CORES, Network, toy_network


@pytest.fixture(scope="session")
def toy() -> Network:
    return toy_network()


@pytest.fixture(scope="session", params=CORES)
def core(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="session")
def toy_build(toy: Network, core: str, tmp_path_factory: pytest.TempPathFactory) -> TargetBuild:
    """Toy for each core, by zig."""
    out = tmp_path_factory.mktemp(core)
    return build_target(toy.folder, toy.interface, load_target(core), out)
