"""codegen report, targets and zoo."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import onnx.parser
from onnx import numpy_helper

from codegen.targets import list_targets
from tests.cli.conftest import Run


def test_a_folders_report_is_read(run: Run, toy: str) -> None:
    emitted = run("emit", toy, "-t", "cortex-m4", "--json").stdout
    assert run("report", "toy", "--json").stdout == emitted
    shown = run("report", "toy").stdout
    for name in ("Layer", "conv2d", "max_pool", "dense", "softmax", "Packets", "Cycles"):
        assert name in shown


def test_a_models_report_is_measured_and_leaves_nothing(run: Run, toy: str) -> None:
    document = json.loads(run("report", toy, "-t", "cortex-m3", "--pdu", "20", "--json").stdout)
    assert document["totals"]["cycles"] > 0
    assert document["layers"][0]["packets"] == -(-document["layers"][0]["output_bytes"] // 20)
    assert run("report", "toy").exit_code == 2


def test_a_folder_takes_no_target(run: Run, toy: str) -> None:
    run("emit", toy, "-t", "host", "--no-measure")
    assert run("report", "toy", "-t", "cortex-m4").exit_code == 2


def test_targets_are_listed(run: Run) -> None:
    shown = run("targets").stdout
    assert all(name in shown for name in list_targets())
    document = json.loads(run("targets", "--json").stdout)
    assert [target["name"] for target in document] == list(list_targets())
    by_name = {target["name"]: target for target in document}
    assert by_name["cortex-m7"]["emulated"] is True
    assert by_name["host"]["clock_hz"] is None


def test_zoo_networks_are_listed_with_their_options(run: Run) -> None:
    shown = run("zoo").stdout
    assert all(word in shown for word in ("mobilenet_v1", "--alpha", "--resolution", "--classes"))
    networks = {network["name"]: network for network in json.loads(run("zoo", "--json").stdout)}
    options = networks["mobilenet_v1"]["options"]
    assert {"alpha", "resolution", "classes"} <= {option["name"] for option in options}


def test_the_memory_map_of_a_folder_is_drawn_from_its_plan(
    run: Run, toy: str, tmp_path: Path
) -> None:
    assert run("report", toy, "--memory").exit_code == 2
    run("emit", toy, "-t", "cortex-m3", "--no-measure")
    result = run("report", "toy", "--memory")
    assert result.exit_code == 0, result.stderr
    for words in ("arena: ", "peak: ", "nests", "^", "At peak", "scratch"):
        assert words in result.stdout
    assert run("report", "toy", "--memory", "--json").exit_code == 2
    plan = tmp_path / "toy" / "plan.json"
    text = plan.read_text(encoding="utf-8")
    plan.write_text(text.replace('"offset_bytes": 0', '"offset_bytes": 4', 1), encoding="utf-8")
    assert run("report", "toy", "--memory").exit_code == 3
    plan.write_text("{}", encoding="utf-8")
    assert run("report", "toy", "--memory").exit_code == 1


WASTE = """
<ir_version: 8, opset_import: ["": 13]>
waste (float[1,3,5,5] x) => (float[1,2,5,5] z)
<float[4,3,1,1] w, float[2,4,1,1] v>
{
  y = Conv (x, w)
  z = Conv (y, v)
}
"""


def test_shrinking_is_reported_and_can_be_left(run: Run, tmp_path: Path) -> None:
    model = onnx.parser.parse_model(WASTE)
    weights = np.zeros((4, 3, 1, 1), np.float32)
    weights[1] = 1
    for name, data in (("w", weights), ("v", np.ones((2, 4, 1, 1), np.float32))):
        model.graph.initializer.append(numpy_helper.from_array(data, name))
    onnx.save(model, tmp_path / "waste.onnx")
    assert "left out with 18 parameters" in run("report", "waste.onnx", "-t", "host").stdout
    shrunk, whole = (
        json.loads(run("report", "waste.onnx", "-t", "host", "--json", *flags).stdout)["savings"]
        for flags in ((), ("--no-shrink",))
    )
    assert shrunk == {"channels": 3, "macs": 25 * 3 * (3 + 2), "params": 3 * (3 + 1 + 2)}
    assert whole == {"channels": 0, "macs": 0, "params": 0}
