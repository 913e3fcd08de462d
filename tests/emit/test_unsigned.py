"""uint8 ports: the C takes and gives the bytes that onnxruntime does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import helper, numpy_helper

from codegen.accuracy import load_evaluation, measure_accuracy
from codegen.emit.folder import write_files
from codegen.ir.types import Array
from codegen.options import InputMode, Options, OutputMode
from codegen.pipeline import Compiled, compile_model
from codegen.project import emit_project, verify_project
from codegen.targets import load_target
from codegen.verify.check import run_on_host, run_on_target
from tests.toolchain.toy_network import needs_target_tools

IMAGE = (1, 3, 6, 7)
CLASSES = 5


def image_network(nodes: list[onnx.NodeProto], result: tuple[int, ...]) -> onnx.ModelProto:
    """Return a model from uint8 `x` to uint8 `y`, whose nodes may use these constants."""
    rng = np.random.default_rng(0)
    byte, real = np.uint8, np.float32
    constants: dict[str, Array] = {
        "xs": np.array(0.02, real),
        "xz": np.array(113, byte),
        "as": np.array(0.03, real),
        "az": np.array(0, byte),
        "ys": np.array(0.07, real),
        "yz": np.array(140, byte),
        "ps": np.array(1 / 256, real),
        "ws": np.array(0.01, real),
        "wz": np.array(128, byte),
        "w": rng.integers(1, 256, (4, 3, 3, 3)).astype(byte),
        "b": rng.integers(-3000, 3000, 4).astype(np.int32),
        "bs": np.array(0.0002, real),
        "v": rng.integers(1, 256, (4, 4, 1, 1)).astype(byte),
        "m": rng.integers(1, 256, (4 * 42, CLASSES)).astype(byte),
    }
    used = {name for node in nodes for name in node.input}
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("x", onnx.TensorProto.UINT8, IMAGE)],
        [helper.make_tensor_value_info("y", onnx.TensorProto.UINT8, result)],
        [numpy_helper.from_array(array, name) for name, array in constants.items() if name in used],
    )
    sets = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
    return helper.make_model(graph, opset_imports=sets, ir_version=8)


def qlinear() -> onnx.ModelProto:
    """Two convolutions."""
    first = ["x", "xs", "xz", "w", "ws", "wz", "as", "az", "b"]
    second = ["a", "as", "az", "v", "ws", "wz", "ys", "yz"]
    nodes = [
        helper.make_node("QLinearConv", first, ["a"], pads=[1, 1, 1, 1]),
        helper.make_node("QLinearConv", second, ["y"]),
    ]
    return image_network(nodes, (1, 4, 6, 7))


def qdq() -> onnx.ModelProto:
    """A convolution between ports that are read and made by DequantizeLinear and QuantizeLinear."""
    nodes = [
        helper.make_node("DequantizeLinear", ["x", "xs", "xz"], ["xr"]),
        helper.make_node("DequantizeLinear", ["w", "ws", "wz"], ["wr"]),
        helper.make_node("DequantizeLinear", ["b", "bs"], ["br"]),
        helper.make_node("Conv", ["xr", "wr", "br"], ["ar"], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["ar"], ["yr"]),
        helper.make_node("QuantizeLinear", ["yr", "ys", "yz"], ["y"]),
    ]
    return image_network(nodes, (1, 4, 6, 7))


def classifier() -> onnx.ModelProto:
    """Tables at both ports, which take up what a port asks: x in another format, and a Sigmoid."""
    second = ["a", "as", "az", "w", "ws", "wz", "ys", "yz"]
    nodes = [
        helper.make_node("DequantizeLinear", ["x", "xs", "xz"], ["xr"]),
        helper.make_node("QuantizeLinear", ["xr", "as", "az"], ["a"]),
        helper.make_node("QLinearConv", [*second, "b"], ["c"], pads=[1, 1, 1, 1]),
        helper.make_node("Flatten", ["c"], ["f"]),
        helper.make_node("QLinearMatMul", ["f", "ys", "yz", "m", "ws", "wz", "ys", "yz"], ["l"]),
        helper.make_node("DequantizeLinear", ["l", "ys", "yz"], ["lr"]),
        helper.make_node("Sigmoid", ["lr"], ["yr"]),
        helper.make_node("QuantizeLinear", ["yr", "ps", "az"], ["y"]),
    ]
    return image_network(nodes, (1, CLASSES))


def images(count: int) -> Array:
    """Random bytes, all of them 0 and all 255 among them."""
    found = np.random.default_rng(1).integers(0, 256, (count, *IMAGE[1:])).astype(np.uint8)
    found[1], found[2] = 0, 255
    return found


def run_onnxruntime(model: onnx.ModelProto, batch: Array) -> Array:
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    (port,) = session.get_inputs()
    return np.concatenate([session.run(None, {port.name: one[None]})[0] for one in batch])


def compiled(
    model: onnx.ModelProto,
    folder: Path,
    inputs: InputMode = "arena",
    outputs: OutputMode = "arena",
) -> Compiled:
    """Write the model and the C of it into a folder."""
    file = folder / "net.onnx"
    onnx.save(model, file)
    made = compile_model(Options(str(file), "cortex-m4", input_mode=inputs, output_mode=outputs))
    write_files(folder, made.files)
    return made


def assert_same_bytes(made: Compiled, found: tuple[Array, ...], batch: Array) -> None:
    """They are those of onnxruntime, but for a few that are the next."""
    (port,) = made.program.interface.outputs
    expected = port.origin.apply(run_onnxruntime(made.network.model, batch), port.shape)
    assert found[0].dtype == expected.dtype == np.uint8
    apart = np.abs(found[0].astype(int) - expected)
    assert apart.max() <= 1
    assert np.mean(apart == 0) > 0.99
    assert len(np.unique(expected)) > 10, "they tell something"


def as_c_takes(made: Compiled, batch: Array) -> tuple[Array, ...]:
    """Return the same bytes in the order of the C."""
    (port,) = made.program.interface.inputs
    return (np.ascontiguousarray(port.origin.apply(batch, port.shape)),)


@pytest.mark.parametrize(("build", "flips"), [(qlinear, 2), (qdq, 2), (classifier, 0)])
def test_the_host_gives_the_bytes_of_onnxruntime(
    build: Callable[[], onnx.ModelProto], flips: int, tmp_path: Path
) -> None:
    made = compiled(build(), tmp_path)
    batch = images(24)
    found = run_on_host(tmp_path, made.program.interface, as_c_takes(made, batch))
    assert_same_bytes(made, found, batch)
    names = [step.kernel.name for step in made.schedule.steps]
    assert names.count("flip_sign") == flips


@needs_target_tools
@pytest.mark.parametrize(("inputs", "outputs"), [("rows", "rows"), ("const", "arena")])
def test_rows_of_bytes_go_in_and_out(
    inputs: InputMode, outputs: OutputMode, tmp_path: Path
) -> None:
    """On the host and on a Cortex-M4; what is pushed is received and flipped in one step."""
    made = compiled(qdq(), tmp_path, inputs, outputs)
    batch = images(4)
    given = as_c_takes(made, batch)
    found = run_on_host(tmp_path, made.program.interface, given)
    assert_same_bytes(made, found, batch)
    target = load_target("cortex-m4")
    (on_target,) = run_on_target(tmp_path, made.program.interface, given, target)
    np.testing.assert_array_equal(on_target, found[0])
    operators = [step.node.op.name for step in made.schedule.steps]
    assert operators[0] == "flip_sign" and "receive" not in operators


def test_the_header_tells_the_format_of_the_file(tmp_path: Path) -> None:
    header = compiled(qdq(), tmp_path, "rows").files["net.h"]
    assert isinstance(header, str)
    assert "input 'x': uint8, 0 to 255, [6, 7, 3]" in header
    assert "#define NET_INPUT_ZERO_POINT (113)" in header
    assert "#define NET_OUTPUT_ZERO_POINT (140)" in header
    assert "const uint8_t *row" in header
    assert "const uint8_t *net_output(" in header


def test_a_folder_is_verified_as_it_is_now(tmp_path: Path) -> None:
    onnx.save(qlinear(), tmp_path / "net.onnx")
    options = Options(str(tmp_path / "net.onnx"), "host")
    report = emit_project(options, tmp_path / "net")
    assert report.agreement is not None
    assert report.agreement.greatest_difference_steps <= 1
    assert report.agreement.mean_difference_steps < 0.01
    assert all(check.equal for check in verify_project(tmp_path / "net", count=4))


def test_samples_are_the_bytes_of_the_port(tmp_path: Path) -> None:
    """Accuracy takes those that onnxruntime takes, and a flip is no layer that loses anything."""
    np.savez(tmp_path / "eval.npz", x=images(6))
    onnx.save(qdq(), tmp_path / "net.onnx")
    made = compile_model(Options(str(tmp_path / "net.onnx"), "host"))
    found = measure_accuracy(made, load_evaluation(tmp_path / "eval.npz", made.network.graph))
    (scale,) = (port.scale for port in made.program.interface.outputs)
    assert found.outputs[0].mean_squared_error < 0.01 * scale**2
    assert [layer.op for layer in found.layers] == ["conv2d"]


def test_float_ports_that_are_quantized_inside_stay_int8(tmp_path: Path) -> None:
    model = qdq()
    model.graph.node.insert(0, helper.make_node("QuantizeLinear", ["f", "xs", "xz"], ["x"]))
    model.graph.input[0].name = "f"
    model.graph.input[0].type.tensor_type.elem_type = onnx.TensorProto.FLOAT
    made = compiled(model, tmp_path)
    (port,) = made.program.interface.inputs
    assert (port.dtype.value, port.zero_point) == ("int8", 113 - 128)
