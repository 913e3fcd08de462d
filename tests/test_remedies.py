"""What would help a network that does not fit."""

from __future__ import annotations

from codegen.ir.interface import Transfer
from codegen.remedies import find_remedies, made_up

NETWORK = {"alpha": "0.25", "resolution": "96"}
LIMIT = 16_000


def test_remedies_are_ranked_and_end_at_the_first_value_that_fits() -> None:
    graph = made_up("mobilenet_v1", NETWORK)
    found = find_remedies(graph, ("generic",), Transfer(), "mobilenet_v1", NETWORK, LIMIT)
    sizes = [remedy.arena_bytes for remedy in found]
    assert sizes == sorted(sizes)
    changes = [remedy.change.partition(" (")[0] for remedy in found]
    assert set(changes) == {"--input rows", "--input const", "--resolution 64"}
    assert sizes[changes.index("--resolution 64")] <= LIMIT


def test_a_file_has_no_smaller_forms() -> None:
    graph = made_up("mobilenet_v1", {**NETWORK, "resolution": "64"})
    found = find_remedies(graph, ("generic",), Transfer("rows"), "net.onnx", {}, LIMIT)
    assert found == ()
