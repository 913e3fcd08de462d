"""Runs beside each other, and their JSON."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from codegen.bench import LayerRun, Run, compare_runs, load_runs, match_runs, runs_to_json
from codegen.errors import UnreadableFile
from codegen.toolchain import Loop

LAYER = LayerRun(
    name="conv",
    kernel="conv2d",
    family="generic",
    macs=40,
    instructions=90,
    cycles=100,
    classes={"alu": 60, "load": 30},
    opcodes={"adds": 60, "ldr": 30},
    loop=Loop("layer_000", 4, 16, 10, 60, 80),
)
RUN = Run(
    network="net",
    model="net.onnx",
    target="cortex-m4",
    compiler="zig",
    clock_hz=1_000_000,
    macs=40,
    instructions=100,
    cycles=120,
    arena_bytes=64,
    stack_bytes=16,
    flash_bytes=1000,
    classes={"alu": 70, "load": 30},
    opcodes={"adds": 70, "ldr": 30},
    layers=(LAYER,),
)


def test_runs_that_were_saved_are_read_back(tmp_path: Path) -> None:
    runs = (RUN, replace(RUN, target="cortex-m7", layers=(replace(LAYER, loop=None),)))
    path = tmp_path / "runs.json"
    path.write_text(runs_to_json(runs), encoding="utf-8")
    assert load_runs(path) == runs


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot read"),
        ("{", "not JSON"),
        ("[]", "does not hold runs"),
        ('{"schema": "codegen.report/1"}', "does not hold runs"),
        ('{"schema": "codegen.bench/1", "runs": [{}]}', "lacks or contradicts"),
    ],
)
def test_a_file_without_runs(tmp_path: Path, content: str | None, message: str) -> None:
    path = tmp_path / "runs.json"
    if content is not None:
        path.write_text(content, encoding="utf-8")
    with pytest.raises(UnreadableFile, match=message):
        load_runs(path)


def test_runs_of_one_place_are_compared() -> None:
    seven, gcc = replace(RUN, target="cortex-m7"), replace(RUN, compiler="gcc")
    faster = replace(RUN, cycles=60)
    assert match_runs((seven, RUN), (gcc, faster)) == ((RUN, faster),)


def test_layers_are_compared_by_name() -> None:
    """The second of a name is another layer; one that only one run has has no ratio."""
    again = replace(LAYER, cycles=50)
    before = replace(RUN, layers=(LAYER, LAYER, replace(LAYER, name="old")))
    after = replace(RUN, cycles=90, layers=(LAYER, again, replace(LAYER, name="new")))
    found = compare_runs(before, after)
    assert found.total.cycles_ratio == 0.75
    assert [(c.name, c.cycles_ratio) for c in found.layers] == [
        ("conv", 1.0),
        ("conv (2)", 0.5),
        ("new", None),
        ("old", None),
    ]
    new, old = found.layers[2:]
    assert new.before is None and new.after is not None
    assert old.after is None and old.before is not None
    document = json.loads(runs_to_json((after,), (found,)))["comparisons"][0]
    assert document["layers"][2]["before"] is None
    assert document["total"]["after"] == {"instructions": 100, "cycles": 90}
