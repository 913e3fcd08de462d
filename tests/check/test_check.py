"""A check tells every problem of all stages at once, and what becomes of the rest."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from click.testing import CliRunner, Result

from codegen.check import SCHEMA, Checked, check_model, checked_to_json, render_checked
from codegen.cli import cli
from codegen.errors import CodegenError
from codegen.frontend import importer
from codegen.frontend.builder import Builder
from codegen.frontend.call import Call
from codegen.frontend.convert.pool import convert_max_pool
from codegen.frontend.operand import Unsupported, View
from codegen.options import Options
from codegen.pipeline import compile_model
from tests.frontend.compare import make_model
from tests.toy_model import write_toy

ROOT = Path(__file__).resolve().parents[2]
W = np.ones((4, 3, 3, 3), np.float32)
S = np.asarray(0.5, np.float32)
Z = np.asarray(3, np.int8)
BROKEN = (
    "a = Conv (x, w) n = BatchNormalization (a, g, g, g, g) b = Hardmax (n) c = Relu (b)"
    " d = MaxPool <kernel_shape=[2,2], dilations=[2,2]> (c) y = Conv (c, v)"
)
CONSTANTS = {"w": W, "v": np.ones((2, 4, 1, 1), np.float32), "g": np.ones(4, np.float32)}


def no_dilations(builder: Builder, call: Call) -> View:
    """Refuse a pool for an attribute."""
    if call.pair("dilations") != (1, 1):
        raise Unsupported(f"dilations {call.pair('dilations')} of a pool")
    return convert_max_pool(builder, call)


@pytest.fixture
def refusing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget Hardmax and dilated pools, so that some are refused however many are supported."""
    left = [entry for entry in importer.CONVERTERS if entry[0] not in ("Hardmax", "MaxPool")]
    monkeypatch.setattr(importer, "CONVERTERS", (*left, ("MaxPool", no_dilations)))


def check(folder: Path, model: onnx.ModelProto, **options: object) -> Checked:
    onnx.save(model, folder / "net.onnx")
    return check_model(Options(str(folder / "net.onnx"), "", **options))  # type: ignore[arg-type]


def command(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["check", *arguments], prog_name="codegen")


def emit_status(path: Path) -> int:
    try:
        compile_model(Options(str(path), "host"))
    except CodegenError as error:
        return error.exit_status
    return 0


def test_a_network_that_can_be_emitted(tmp_path: Path) -> None:
    found = check_model(Options(str(write_toy(tmp_path)), ""))
    assert (found.findings, found.exit_status, found.open_inputs) == ((), 0, ())
    assert [(fold.kind, len(fold.nodes)) for fold in found.folds] == [("activations", 1)]
    compiled = compile_model(Options(str(tmp_path / "toy.onnx"), "host"))
    assert found.summary.macs == compiled.program.macs
    assert found.summary.parameters == 4 * 2 * 9 + 4 + 3 * 36 + 3
    assert dict(found.summary.operators)["Conv"] == 1
    assert (found.unmeasured, found.values) == (3, 6)


@pytest.mark.usefixtures("refusing")
def test_all_refused_nodes_and_what_folds_around_them(tmp_path: Path) -> None:
    found = check(tmp_path, make_model(BROKEN, CONSTANTS, outputs=("y", "d")))
    assert [(f.node, f.operator, f.attributes) for f in found.findings] == [
        ("Hardmax_b", "Hardmax", ()),
        ("MaxPool_d", "MaxPool", (("dilations", "[2, 2]"),)),
    ]
    assert all(
        f.code == "unsupported-op" and f.where.startswith("net.onnx") for f in found.findings
    )
    assert ("batch-norms", ("BatchNormalization_n",)) in [(f.kind, f.nodes) for f in found.folds]
    assert not found.summary.complete
    assert found.summary.macs == 6 * 6 * 4 * 27 + 6 * 6 * 2 * 4
    assert found.exit_status == emit_status(tmp_path / "net.onnx") == 1


@pytest.mark.usefixtures("refusing")
def test_quantization_objects_beside_the_operators(tmp_path: Path) -> None:
    """A sum that 32 bits cannot hold is told though an operator before it is refused."""
    body = (
        "s = Hardmax (x) q = QuantizeLinear (s, one, z) d = DequantizeLinear (q, one, z)"
        " wd = DequantizeLinear (w, one, zw) a = Conv (d, wd, b)"
        " p = QuantizeLinear (a, one, z) y = DequantizeLinear (p, one, z)"
    )
    constants = {
        "one": np.asarray(1.0, np.float32),
        "z": Z,
        "zw": np.asarray(0, np.int8),
        "w": np.full((4, 3, 3, 3), 127, np.int8),
        "b": np.full(4, 3e9, np.float32),
    }
    found = check(tmp_path, make_model(body, constants))
    assert [(f.code, f.node) for f in found.findings] == [
        ("unsupported-op", "Hardmax_s"),
        ("bad-quantization", "Conv_a"),
    ]
    onnx.save(make_model(body.replace("Hardmax", "Relu"), constants), tmp_path / "net.onnx")
    assert check_model(Options(str(tmp_path / "net.onnx"), "")).exit_status == 1
    assert emit_status(tmp_path / "net.onnx") == 1


def test_no_guessed_format_is_blamed(tmp_path: Path) -> None:
    """Huge weights of a float network are no problem: its formats are measured."""
    body = "a = Conv (x, w, b) y = Relu (a)"
    constants = {"w": 1e9 * W, "b": np.full(4, 3e9, np.float32)}
    found = check(tmp_path, make_model(body, constants))
    assert (found.findings, found.exit_status) == ((), 0)
    assert emit_status(tmp_path / "net.onnx") == 0


def test_formats_of_the_model_need_no_samples(tmp_path: Path) -> None:
    body = (
        "q = QuantizeLinear (x, s, z) d = DequantizeLinear (q, s, z)"
        " a = MaxPool <kernel_shape=[2,2]> (d)"
        " p = QuantizeLinear (a, s, z) y = DequantizeLinear (p, s, z)"
    )
    found = check(tmp_path, make_model(body, {"s": S, "z": Z}))
    assert (found.unmeasured, found.exit_status) == (0, 0)
    assert "nothing is to be calibrated" in render_checked(found)
    assert [(f.kind, len(f.nodes)) for f in found.folds] == [("formats", 4)]


@pytest.mark.usefixtures("refusing")
def test_open_dimensions_and_unknown_operators_are_told_together(tmp_path: Path) -> None:
    model = make_model("a = Hardmax (x) y = Relu (a)", shapes={"x": (3, "h", 8)})  # type: ignore[arg-type]
    found = check(tmp_path, model)
    assert [f.code for f in found.findings] == ["dynamic-shape", "unsupported-op"]
    (value,) = found.open_inputs
    assert (value.name, value.dimensions) == ("x", ("h",))
    assert "--shape x=1,3,H,8" in value.fix
    fixed = check(tmp_path, model, shapes={"x": (1, 3, 4, 8)})
    assert [f.node for f in fixed.findings] == ["Hardmax_a"]
    assert fixed.open_inputs == ()


def test_constants_and_unused_nodes(tmp_path: Path) -> None:
    body = (
        "c = Constant <value_ints=[1, -1]> () i = Identity (x) r = Reshape (i, c) y = Relu (r)"
        " u = Relu (y)"
    )
    found = check(tmp_path, make_model(body))
    kinds = {fold.kind: fold.nodes for fold in found.folds}
    assert kinds["constants"] == ("Constant_c",)
    assert kinds["identities"] == ("Identity_i",)
    assert kinds["unused"] == ("Relu_u",)


def test_a_residual_sum_is_a_layer_and_its_relu_is_not(tmp_path: Path) -> None:
    body = "a = Conv (x, w) b = Relu (a) s = Add (a, b) y = Relu (s)"
    found = check(tmp_path, make_model(body, {"w": np.ones((3, 3, 1, 1), np.float32)}))
    folded = {name for fold in found.folds for name in fold.nodes}
    assert "Relu_y" in folded
    assert folded.isdisjoint({"Conv_a", "Add_s"})


def note(node: onnx.NodeProto, key: str, value: str) -> None:
    node.metadata_props.append(onnx.StringStringEntryProto(key=key, value=value))


@pytest.mark.usefixtures("refusing")
def test_where_the_exporter_says_a_node_is_from(tmp_path: Path) -> None:
    model = make_model("a = Hardmax (x) b = Hardmax (a) y = Hardmax (b)")
    first, second, third = model.graph.node
    first.doc_string = "net.py(12): forward\nlib/module.py(900): _slow_forward\n"
    trace = 'File "lib.py", line 3, in f\nFile "net.py", line 31, in forward'
    note(second, "namespace", "net: Net/encoder: Encoder")
    note(second, "pkg.torch.onnx.stack_trace", trace)
    note(third, "pkg.torch.onnx.name_scopes", "['', 'head', 'head.act']")
    checked = check(tmp_path, model)
    found = checked.findings
    assert [(f.scope, f.source) for f in found] == [
        ("", "net.py:12"),
        ("net: Net/encoder: Encoder", "net.py:31"),
        ("head.act", ""),
    ]
    assert "  from: net: Net/encoder: Encoder, net.py:31\n" in render_checked(
        check(tmp_path, model)
    )


def test_a_model_that_contradicts_itself(tmp_path: Path) -> None:
    model = make_model("y = Relu (x)")
    model.graph.node[0].input[0] = "nothing"
    found = check(tmp_path, model)
    assert [f.code for f in found.findings] == ["invalid-model"]
    assert found.exit_status == 1


@pytest.mark.usefixtures("refusing")
def test_every_key_is_documented(tmp_path: Path) -> None:
    from tests.test_docs import keys

    model = make_model(BROKEN, CONSTANTS, outputs=("y", "d"))
    text = (ROOT / "docs/check.md").read_text(encoding="utf-8")
    documented = set(re.findall(r"`([^`\n]+)`", text))
    document = json.loads(checked_to_json(check(tmp_path, model)))
    shapes = {"x": (3, "h", 8)}
    opened = make_model("y = Relu (x)", shapes=shapes)  # type: ignore[arg-type]
    document["open_inputs"] = json.loads(checked_to_json(check(tmp_path, opened)))["open_inputs"]
    assert SCHEMA in documented
    for key in set(keys(document)):
        if not key.startswith(("summary.operators.", "problems[].attributes.")):
            assert {key, f"{key}[]"} & documented, f"{key} is not in docs/check.md"


@pytest.mark.usefixtures("refusing")
def test_the_command_prints_and_exits(tmp_path: Path) -> None:
    done = command(str(write_toy(tmp_path)))
    assert done.exit_code == 0
    assert done.stdout.endswith("Verdict   can be emitted\n")
    onnx.save(make_model(BROKEN, CONSTANTS, outputs=("y", "d")), tmp_path / "net.onnx")
    done = command(str(tmp_path / "net.onnx"), "--target", "cortex-m4")
    assert done.exit_code == 1
    assert done.stdout.startswith("error[unsupported-op]: Hardmax: ")
    assert "  attribute: dilations = [2, 2]\n" in done.stdout
    done = command(str(tmp_path / "net.onnx"), "--json")
    assert done.exit_code == json.loads(done.stdout)["exit_status"] == 1


@pytest.mark.parametrize(
    ("arguments", "status", "code"),
    [
        (("absent.onnx",), 1, "unreadable-file"),
        (("absent",), 2, "unknown-name"),
        (("toy.onnx", "-t", "nothing"), 2, "unknown-name"),
        (("toy.onnx", "--shape", "picture=1,2"), 2, "bad-option"),
        (("mobilenet_v1:alpha=x",), 2, "bad-option"),
    ],
)
def test_what_cannot_be_opened_is_an_error(
    arguments: tuple[str, ...],
    status: int,
    code: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write_toy(tmp_path)
    monkeypatch.chdir(tmp_path)
    done = command(*arguments)
    assert (done.exit_code, done.stdout) == (status, "")
    assert done.stderr.startswith(f"error[{code}]: ")


def test_a_network_of_the_zoo_is_checked() -> None:
    assert command("cifar10_cnn:classes=5").exit_code == 0


def test_it_waits_for_nothing_that_it_does_not_need(tmp_path: Path) -> None:
    script = (
        "import sys\n"
        "from codegen.cli import cli\n"
        f"cli(['check', {str(write_toy(tmp_path))!r}], standalone_mode=False)\n"
    )
    script = script.replace("cli(['", "try:\n    cli(['") + (
        "except SystemExit as done:\n    assert done.code == 0\n"
        "heavy = {'onnxruntime', 'jinja2', 'rich', 'unicorn', 'codegen.zoo', 'codegen.plan'}\n"
        "print(sorted(heavy & sys.modules.keys()))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout.splitlines()[-1:] == ["[]"], done.stderr


def test_shared_files_are_checked(shared_models: Path) -> None:
    found = check_model(Options(str(shared_models / "mlperf_tiny_kws_dscnn_int8.onnx"), ""))
    assert (found.exit_status, found.unmeasured) == (0, 0)
    assert found.summary.macs == 2_656_768


def test_layers_quantized_while_the_file_runs_are_named(tmp_path: Path) -> None:
    body = """
        q, s, z = DynamicQuantizeLinear (x)
        i = MatMulInteger (q, w, z)
        f = Cast <to = 1> (i)
        k = Mul (s, ws)
        y = Mul (f, k)
    """
    weights = np.random.default_rng(0).integers(-127, 128, (8, 4)).astype(np.int8)
    constants = {"w": weights, "ws": np.asarray(0.01, np.float32)}
    checked = check(tmp_path, make_model(body, constants, {"x": (8,)}, batch="1"))
    assert checked.dynamic == (("DynamicQuantizeLinear q", "MatMulInteger i"),)
    text = " ".join(render_checked(checked).split())
    assert "DynamicQuantizeLinear q + MatMulInteger i: calibrated as static int8" in text
    assert json.loads(checked_to_json(checked))["dynamic"] == [list(checked.dynamic[0])]
