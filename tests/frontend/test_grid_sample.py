"""GridSample means what it does in onnxruntime, and always asks for floats."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import numpy as np
import onnx
import pytest

from codegen.check import check_model
from codegen.errors import UnsupportedOperator
from codegen.frontend import import_model
from codegen.options import Options
from tests.frontend.compare import assert_same, make_model, op_names

SHAPES = {"x": (3, 4, 5), "g": (6, 7, 2)}
FORMS = tuple(product(("linear", "nearest"), ("zeros", "border", "reflection"), (0, 1)))


def sampler(mode: str, padding: str = "zeros", corners: int = 0) -> onnx.ModelProto:
    attributes = f'mode="{mode}", padding_mode="{padding}", align_corners={corners}'
    return make_model(f"y = GridSample <{attributes}> (x, g)", shapes=SHAPES, opset=20, batch="1")


@pytest.mark.parametrize(("mode", "padding", "corners"), FORMS)
def test_same_as_onnxruntime(mode: str, padding: str, corners: int) -> None:
    graph = assert_same(sampler(mode, padding, corners))
    assert "grid_sample" in op_names(graph)


def test_grid_may_be_constant() -> None:
    grid = np.random.default_rng(0).uniform(-1.2, 1.2, (1, 6, 7, 2)).astype(np.float32)
    body = "y = GridSample <align_corners=1> (x, g)"
    assert_same(make_model(body, {"g": grid}, {"x": (3, 4, 5)}, opset=16, batch="1"))


def test_cubic_is_refused() -> None:
    with pytest.raises(UnsupportedOperator, match="cubic"):
        import_model(sampler("cubic"), "net.onnx")


def test_check_tells_without_samples(tmp_path: Path) -> None:
    onnx.save(sampler("linear"), tmp_path / "net.onnx")
    path = str(tmp_path / "net.onnx")
    (found,) = check_model(Options(path, "")).findings
    assert "--float-ops allow" in found.hint
    allowed = check_model(Options(path, "", float_ops="allow"))
    assert not allowed.findings and len(allowed.floats) == 1
