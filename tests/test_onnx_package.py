"""The networks that ship in the onnx package: all are read, two are emitted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from codegen.frontend import import_model, load_onnx
from codegen.options import Options
from codegen.passes import canonicalize
from codegen.pipeline import compile_model
from tests.ops.harness import GENERIC, assert_c_equals_reference

LIGHT = Path(onnx.__file__).parent / "backend" / "test" / "data" / "light"
MACS = {
    "bvlc_alexnet": 654_560_384,
    "densenet121": 2_844_711_168,
    "inception_v1": 1_431_556_352,
    "inception_v2": 2_018_851_840,
    "resnet50": 4_089_184_256,
    "shufflenet": 124_664_528,
    "squeezenet": 349_151_936,
    "vgg19": 19_632_062_464,
    "zfnet512": 1_481_727_008,
}


def light(name: str) -> Path:
    path = LIGHT / f"light_{name}.onnx"
    if not path.exists():
        pytest.skip("this onnx package ships no light networks")
    return path


@pytest.mark.parametrize("name", MACS)
def test_all_are_read(name: str) -> None:
    """Their operator set 9 is converted; weights that nodes make are folded."""
    assert canonicalize(import_model(load_onnx(light(name)), name)).macs == MACS[name]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["squeezenet", "shufflenet"])
def test_c_equals_reference(name: str) -> None:
    graph = compile_model(Options(str(light(name)), "cortex-m7", samples=1)).network.graph
    assert_c_equals_reference(graph, GENERIC, np.random.default_rng(0))
