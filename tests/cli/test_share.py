"""codegen emit --share-arena, and what the other commands make of such a folder."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

from codegen.report import BUNDLE_SCHEMA
from tests.cli.conftest import Run
from tests.toy_model import write_segment, write_sibling

FILES = {
    "CMakeLists.txt",
    "report.json",
    "toy.h",
    "toy_graph.npz",
    "toy_plan.json",
    "toy_report.html",
    "toy_test.h",
    "sibling.h",
    "sibling_graph.npz",
    "sibling_plan.json",
    "sibling_report.html",
    "sibling_test.h",
    "toy_sibling.c",
    "toy_sibling.h",
    "toy_sibling_weights.c",
    "toy_sibling_weights.h",
}
SHARE = ("--share-arena", "-t", "cortex-m4")


@pytest.fixture
def sibling(tmp_path: Path) -> str:
    """The path of a model that begins as the toy does."""
    return str(write_sibling(tmp_path))


@pytest.fixture
def folder(run: Run, toy: str, sibling: str, tmp_path: Path) -> Path:
    """A library of both for Cortex-M4."""
    result = run("emit", toy, sibling, *SHARE, "--no-measure")
    assert result.exit_code == 0, result.stderr
    return tmp_path / "toy_sibling"


def test_emit_writes_one_library_and_tells_what_sharing_saves(
    run: Run, toy: str, sibling: str, tmp_path: Path
) -> None:
    result = run("emit", toy, sibling, *SHARE)
    assert result.exit_code == 0, result.stderr
    assert {path.name for path in (tmp_path / "toy_sibling").iterdir()} == FILES
    for words in (
        "toy_sibling for cortex-m4: toy, sibling, in turn in one arena",
        "equal     toy, sibling, toy: reference and host C, arm_dsp kernels: 3 inputs",
        "equal     toy, sibling, toy: reference and cortex-m4 (emulated)",
        "stored once",
        "toy for cortex-m4",
        "sibling for cortex-m4",
    ):
        assert words in result.stdout
    report = json.loads((tmp_path / "toy_sibling" / "report.json").read_text(encoding="utf-8"))
    totals, networks = report["totals"], report["networks"]
    assert report["schema"] == BUNDLE_SCHEMA
    arenas = [network["interface"]["arena_bytes"] for network in networks]
    assert totals["arena_bytes"] == max(arenas)
    shared = 4 * 2 * 9 + 4 * 4 * 2
    assert totals["saved_weights_bytes"] >= shared
    assert totals["saved_code_bytes"] > 100
    for key in ("weights_bytes", "code_bytes"):
        apart = sum(network["totals"][key] for network in networks)
        assert totals[key] < apart
    assert all(layer["cycles"] for network in networks for layer in network["layers"])


def test_a_folder_of_several_is_reported_and_verified(run: Run, folder: Path) -> None:
    shown = run("report", "toy_sibling")
    assert shown.exit_code == 0, shown.stderr
    assert "with an arena each" in shown.stdout
    printed = run("report", "toy_sibling", "--json").stdout
    assert printed == (folder / "report.json").read_text(encoding="utf-8")
    result = run("verify", "toy_sibling", "--samples", "3", "-t", "rv32imc", "--json")
    assert result.exit_code == 0, result.stderr
    checks = json.loads(result.stdout)["checks"]
    assert [(check["place"], check["networks"]) for check in checks] == [
        ("host", ["toy"]),
        ("rv32imc", ["toy"]),
        ("host", ["sibling"]),
        ("rv32imc", ["sibling"]),
        ("host", ["toy", "sibling", "toy"]),
        ("rv32imc", ["toy", "sibling", "toy"]),
    ]


@pytest.mark.parametrize("mode", ["const", "rows"])
def test_inputs_pass_without_copies(run: Run, toy: str, sibling: str, mode: str) -> None:
    emitted = run("emit", toy, sibling, *SHARE, "--input", mode, "--json")
    assert emitted.exit_code == 0, emitted.stderr
    document = json.loads(emitted.stdout)
    assert {network["interface"]["input"] for network in document["networks"]} == {mode}
    assert [check["place"] for check in document["checks"]] == ["host", "cortex-m4"]
    assert all(check["equal"] for check in document["checks"])
    assert run("verify", "toy_sibling", "--samples", "3").exit_code == 0


def test_rows_in_and_rows_out_of_both(run: Run, tmp_path: Path) -> None:
    models = (f"first={write_segment(tmp_path)}", f"second={write_segment(tmp_path)}")
    rows = ("--input", "rows", "--output", "rows")
    emitted = run("emit", *models, *SHARE, *rows, "--json")
    assert emitted.exit_code == 0, emitted.stderr
    assert all(check["equal"] for check in json.loads(emitted.stdout)["checks"])
    result = run("verify", "first_second", "--samples", "3", "-t", "rv32imc")
    assert result.exit_code == 0, result.stderr


def test_a_network_that_cannot_deliver_rows_is_named(run: Run, toy: str, tmp_path: Path) -> None:
    models = (str(write_segment(tmp_path)), toy)
    result = run("emit", *models, *SHARE, "--output", "rows")
    assert result.exit_code == 2
    assert "--output rows needs one output of several rows" in result.stderr
    assert "--> toy.onnx" in result.stderr
    assert not (tmp_path / "segment_toy").exists()


def test_each_memory_plan_is_drawn_and_checked(run: Run, folder: Path) -> None:
    shown = run("report", "toy_sibling", "--memory").stdout.splitlines()
    assert [line for line in shown if line in ("toy", "sibling")] == ["toy", "sibling"]
    path = folder / "sibling_plan.json"
    text = path.read_text(encoding="utf-8")
    path.write_text((folder / "toy_plan.json").read_text(encoding="utf-8"), encoding="utf-8")
    result = run("verify", "toy_sibling", "--samples", "1")
    assert result.exit_code == 3
    assert "the C and sibling_plan.json differ" in result.stderr
    path.write_text(text.replace('"offset_bytes": 0', '"offset_bytes": 4', 1), encoding="utf-8")
    for command in (("report", "toy_sibling", "--memory"), ("verify", "toy_sibling")):
        result = run(*command)
        assert result.exit_code == 3
        assert "sibling_plan.json was changed" in result.stderr
    path.unlink()
    assert run("verify", "toy_sibling").exit_code == 1


def test_each_page_is_of_its_network(folder: Path) -> None:
    for name in ("toy", "sibling"):
        page = (folder / f"{name}_report.html").read_text(encoding="utf-8")
        assert f"<title>{name} for cortex-m4</title>" in page
        assert "A network of toy_sibling" in page
        assert f"is in {name}_plan.json" in page


def test_an_edit_is_found_in_the_network_it_is_of(run: Run, folder: Path) -> None:
    path = folder / "toy_sibling_weights.c"
    text = path.read_text(encoding="utf-8")
    changed = re.sub(
        r"(const int32_t sibling_\w+weights\[\d+\] .*\{\s+)(-?\d+)", r"\g<1>\g<2>000", text, count=1
    )
    assert changed != text
    path.write_text(changed, encoding="utf-8")
    result = run("verify", "toy_sibling", "-t", "host", "--samples", "3", "--json")
    assert result.exit_code == 3
    assert "error[verification-failed]: the C of sibling on host differs" in result.stderr
    toy, sibling, turns = json.loads(result.stdout)["checks"]
    assert (toy["equal"], sibling["equal"], turns["equal"]) == (True, False, False)
    assert re.search(
        r"toy_sibling_weights\.c, line \d+ \(of sibling_layer_002\)",
        sibling["difference"]["cause"],
    )
    assert turns["difference"]["sample"].endswith("of sibling after toy")


def test_zoo_networks_and_files_mix(run: Run, toy: str, tmp_path: Path) -> None:
    models = ("small=mobilenet_v1:alpha=0.1", "big=mobilenet_v1:alpha=0.2", toy)
    zoo = ("--resolution", "32", "--classes", "4", "--dump-ir", "ir")
    result = run("emit", *models, *SHARE, *zoo, "--no-measure", "--name", "All", "-o", "out")
    assert result.exit_code == 0, result.stderr
    networks = json.loads((tmp_path / "out" / "report.json").read_text())["networks"]
    assert [network["model"] for network in networks] == [
        "mobilenet_v1 alpha=0.1 resolution=32 classes=4",
        "mobilenet_v1 alpha=0.2 resolution=32 classes=4",
        "toy.onnx",
    ]
    header = (tmp_path / "out" / "all.h").read_text(encoding="utf-8")
    assert re.findall(r'#include "(\w+)\.h"', header) == ["small", "big", "toy"]
    assert {path.name for path in (tmp_path / "ir").iterdir()} == {"small", "big", "toy"}


def test_samples_belong_to_a_network(run: Run, toy: str, sibling: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for name, count in (("a", 3), ("b", 5)):
        data = rng.normal(size=(count, 2, 6, 6)).astype(np.float32)
        np.savez(tmp_path / f"{name}.npz", image=data)
    given = ("--calibrate", "sibling=b.npz", "--calibrate", "toy=a.npz", "--no-measure", "--json")
    networks = json.loads(run("emit", toy, sibling, *SHARE, *given).stdout)["networks"]
    origins = [network["calibration"] for network in networks]
    assert [(origin["source"], origin["samples"]) for origin in origins] == [
        ("a.npz", 3),
        ("b.npz", 5),
    ]


def test_an_emitted_library_may_be_replaced(run: Run, folder: Path, toy: str) -> None:
    (folder / "extra").touch()
    again = run("emit", toy, "-t", "host", "--no-measure", "-o", "toy_sibling", "--force")
    assert again.exit_code == 0, again.stderr
    assert not (folder / "extra").exists()


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (("toy.onnx", "sibling.onnx", "-t", "host"), 2, "--share-arena makes them one library"),
        (("toy.onnx", *SHARE), 2, "there is only one model"),
        (("toy.onnx", "./toy.onnx", *SHARE), 2, "first=toy.onnx"),
        (("toy.onnx", "toy_test=sibling.onnx", *SHARE), 2, "called toy_test.h"),
        (("toy.onnx", "sibling.onnx", *SHARE, "--name", "toy"), 2, "called toy.h"),
        (("toy.onnx", "sibling.onnx", *SHARE, "--name", "int"), 2, "'int' is not usable"),
        (("int=toy.onnx", "sibling.onnx", *SHARE), 2, "'int' is not usable"),
        (("toy.onnx", "sibling.onnx", *SHARE, "--calibrate", "x.npz"), 2, "--calibrate toy=x.npz"),
        (("toy.onnx", "-t", "host", *("--calibrate", "x.npz") * 2), 2, "more than once"),
        (("toy.onnx", "sibling.onnx", *SHARE, "--alpha", "1"), 2, "no model here takes this"),
        (("toy.onnx", "mobilenet_v1:alpha", *SHARE), 2, "options are NAME=VALUE"),
        (("toy.onnx", "gone.onnx", *SHARE), 1, "unreadable-file"),
        (("toy.onnx", "sibling.onnx", *SHARE, "--ram", "10"), 4, "does-not-fit"),
    ],
)
def test_errors_have_a_status_and_a_hint_and_leave_nothing(
    run: Run,
    toy: str,
    sibling: str,
    tmp_path: Path,
    arguments: tuple[str, ...],
    status: int,
    words: str,
) -> None:
    before = {path.name for path in tmp_path.iterdir()}
    result = run("emit", *arguments)
    assert (result.exit_code, words in result.stderr) == (status, True), result.stderr
    assert "error[" in result.stderr
    assert {path.name for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize("key", ["name", "totals", "networks", "checks"])
def test_a_damaged_report_is_unreadable(run: Run, folder: Path, key: str) -> None:
    path = folder / "report.json"
    document = json.loads(path.read_text(encoding="utf-8"))
    del document[key]
    path.write_text(json.dumps(document), encoding="utf-8")
    result = run("verify", "toy_sibling")
    assert result.exit_code == 1
    assert "error[unreadable-file]" in result.stderr


def test_what_does_not_fit_is_told_of_its_network(run: Run, toy: str, sibling: str) -> None:
    result = run("emit", toy, sibling, *SHARE, "--no-measure", "--ram", "100")
    assert result.exit_code == 4
    assert re.search(r"the arena of (toy|sibling) takes at least \d+ bytes", result.stderr)


def test_the_limit_holds_for_the_shared_arena_and_the_deepest_stack(
    run: Run, toy: str, sibling: str
) -> None:
    result = run("emit", toy, sibling, *SHARE, "--ram", "4k", "--json")
    assert result.exit_code == 0, result.stderr
    totals = json.loads(result.stdout)["totals"]
    assert totals["arena_bytes"] + totals["stack_bytes"] <= 4096


def test_networks_that_share_are_in_one_memory(run: Run, toy: str, sibling: str) -> None:
    spread = ("--share-arena", "-t", "cortex-m7", "--memories", "all")
    result = run("emit", toy, sibling, *spread)
    assert (result.exit_code, "error[bad-option]" in result.stderr) == (2, True)
