"""Variables: the caller keeps them, as inputs and outputs."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("tflite", reason="tflite is absent: pip install codegen-mcu[tflite]")

from codegen.errors import CodegenError
from codegen.frontend import import_model
from codegen.frontend.tflite import load_tflite
from codegen.passes import canonicalize
from tests.frontend.compare import op_names, run_onnx
from tests.frontend.tflite.build import G, O, T, build, int32

FORMAT = ("INT8", 0.05, -3)


def streaming(first: int = -3, kept_scale: float = 0.05) -> bytes:
    """Return a network that sees the last three rows: two it kept, and the one it is given."""
    handle = T("handle", (), "RESOURCE")
    name = {"SharedName": "rows"}
    zeros = T("zeros", (1, 2, 4), *FORMAT, np.full((1, 2, 4), first, np.int8))
    begin = G(
        (handle, zeros),
        (
            O("VAR_HANDLE", (), ("handle",), "VarHandleOptions", name),
            O("ASSIGN_VARIABLE", ("handle", "zeros"), ()),
        ),
        (),
        (),
    )
    tensors = (
        T("x", (1, 1, 4), *FORMAT),
        handle,
        T("kept", (1, 2, 4), *FORMAT),
        T("window", (1, 3, 4), *FORMAT),
        int32("begin", [0, 1, 0]),
        int32("size", [1, 2, 4]),
        T("next", (1, 2, 4), "INT8", kept_scale, -3),
        int32("axes", [1]),
        T("y", (1, 4), *FORMAT),
    )
    operators = (
        O("CALL_ONCE", (), (), "CallOnceOptions", {"InitSubgraphIndex": 1}),
        O("VAR_HANDLE", (), ("handle",), "VarHandleOptions", name),
        O("READ_VARIABLE", ("handle",), ("kept",)),
        O("CONCATENATION", ("kept", "x"), ("window",), "ConcatenationOptions", {"Axis": 1}),
        O("SLICE", ("window", "begin", "size"), ("next",)),
        O("ASSIGN_VARIABLE", ("handle", "next"), ()),
        O("MEAN", ("window", "axes"), ("y",), "ReducerOptions"),
    )
    return build(G(tensors, operators, ("x",), ("y",)), begin)


def test_a_variable_is_an_input_and_an_output() -> None:
    model = load_tflite(streaming(), "net.tflite")
    assert [value.name for value in model.graph.input] == ["x", "rows"]
    assert [value.name for value in model.graph.output] == ["y", "rows_next"]
    rows = np.random.default_rng(0).integers(-128, 128, (6, 1, 4)).astype(np.int8)
    state = np.full((1, 2, 4), -3, np.int8)
    seen = np.concatenate([state[0], rows[:, 0]])
    for i in range(6):
        found = run_onnx(model, {"x": rows[i : i + 1], "rows": state})
        expected = seen[i : i + 3].astype(float).mean(0)
        assert np.abs(found["y"][0] - expected).max() <= 0.5
        state = found["rows_next"]
        np.testing.assert_array_equal(state[0], seen[i + 1 : i + 3])


def test_it_is_imported_like_any_network() -> None:
    graph = canonicalize(import_model(load_tflite(streaming(), "net.tflite"), "net.tflite"))
    assert (graph.inputs, graph.outputs) == (("x", "rows"), ("y", "rows_next"))
    assert "concat" in op_names(graph)


@pytest.mark.parametrize(
    ("content", "reason"),
    (
        (streaming(first=5), "the first state is not zero"),
        (streaming(kept_scale=0.1), "in different formats"),
    ),
)
def test_what_cannot_be_kept_is_told(content: bytes, reason: str) -> None:
    with pytest.raises(CodegenError, match=reason):
        import_model(load_tflite(content, "net.tflite"), "net.tflite")
