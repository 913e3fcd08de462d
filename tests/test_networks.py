"""Real networks, end to end: reference == host C == C on emulated cores, every output byte."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from codegen.options import InputMode, Options, OutputMode
from codegen.pipeline import Compiled, compile_model
from codegen.quantize import graph_inputs
from codegen.targets import load_target
from codegen.toolchain import find_warnings, host_compiler
from codegen.verify import Subject, make_inputs, run_reference, study
from tests.quantize.real_models import calibration

HOST_INPUTS = 20
TARGET_INPUTS = 2
CALIBRATION_INPUTS = 16

MODELS = (
    "cifar10_caffe_m4_f32",
    "cifar10_caffe_m7_f32",
    "cifar10_caffe_m7_ortqdq_int8",
    "cifar10_cmsisnn_q7_f32",
    *(
        f"mlperf_tiny_{name}_{kind}"
        for name in ("ad_autoencoder", "ic_resnet8", "kws_dscnn", "vww_mobilenetv1_025_96")
        for kind in ("f32", "int8")
    ),
    "mobilenetv2_035_128_flowers_f32",
    "resnet20_cifar10_f32",
    "resnet20_cifar10_ortqdq_int8",
    "shufflenetv1_05_g3_cifar10_f32",
)
LARGE = (
    "fastestdet_shufflenetv2_coco_f32",
    "mobilenetv2_1.0_224_imagenet_uint8",
    "squeezenet1_0_imagenet_f32",
)
"""Those of more pixels and products than an emulator runs in a minute: their C runs on the host."""
LARGE_INPUTS = 2
QUICK = {
    "cortex-m7": (
        "mlperf_tiny_ad_autoencoder_int8",
        "mlperf_tiny_ic_resnet8_int8",
        "mlperf_tiny_kws_dscnn_f32",
        "mlperf_tiny_kws_dscnn_int8",
        "mlperf_tiny_vww_mobilenetv1_025_96_int8",
    ),
    "cortex-m0plus": ("mlperf_tiny_ad_autoencoder_f32", "mlperf_tiny_kws_dscnn_int8"),
}
"""What runs by default: the networks of MLPerf Tiny, each kind of kernels on a float one too."""
CORES = {"cortex-m7": ("cortex-m7", "cortex-m4"), "cortex-m0plus": ("cortex-m0plus", "rv32imc")}
"""The target a network is emitted for, and the cores that the result runs on."""

CASES = [
    pytest.param(target, model, marks=() if model in QUICK[target] else pytest.mark.slow)
    for target in CORES
    for model in MODELS
]


def prove(
    compiled: Compiled, cores: tuple[str, ...], folder: Path, count: int = HOST_INPUTS
) -> None:
    """Write the files, run them everywhere, and compare."""
    for name, content in compiled.files.items():
        data = content.encode() if isinstance(content, str) else content
        (folder / name).write_bytes(data)
    graph = compiled.network.graph
    inputs = make_inputs(graph, graph_inputs(graph, compiled.network.samples), count)
    expected = run_reference(graph, inputs)
    families = compiled.network.target.kernels
    assert find_warnings(folder, compiled.program.interface, host_compiler()) == ""
    subject = Subject(folder, compiled.program.interface, graph, families, inputs, expected)
    found = study(subject, [load_target(core) for core in cores], target_inputs=TARGET_INPUTS)
    assert [check.place for check in found.checks] == ["host", *cores]
    assert all(check.equal for check in found.checks), found.checks
    assert [check.inputs for check in found.checks] == [count, *[TARGET_INPUTS] * len(cores)]
    assert found.notes == ()


def test_no_file_is_left_out(shared_models: Path) -> None:
    assert {file.stem for file in shared_models.glob("*.onnx")} == {*MODELS, *LARGE}


@pytest.mark.slow
@pytest.mark.parametrize("model", LARGE)
def test_large_file(shared_models: Path, model: str, tmp_path: Path) -> None:
    data = tmp_path / "calibration.npz"
    np.savez(data, calibration(shared_models, model).arrays[0][:CALIBRATION_INPUTS])
    options = Options(str(shared_models / f"{model}.onnx"), "cortex-m7", calibrate=data)
    out = tmp_path / "out"
    out.mkdir()
    prove(compile_model(options), (), out, LARGE_INPUTS)


@pytest.mark.parametrize(("target", "model"), CASES)
def test_file(shared_models: Path, target: str, model: str, tmp_path: Path) -> None:
    data = None
    if model.endswith("_f32"):
        data = tmp_path / "calibration.npz"
        (samples,) = calibration(shared_models, model).arrays
        np.savez(data, samples[:CALIBRATION_INPUTS])
    options = Options(str(shared_models / f"{model}.onnx"), target, calibrate=data)
    out = tmp_path / "out"
    out.mkdir()
    prove(compile_model(options), CORES[target], out)


TRANSFERS: tuple[tuple[str, InputMode, OutputMode], ...] = (
    ("mlperf_tiny_kws_dscnn_int8", "const", "arena"),
    ("mlperf_tiny_kws_dscnn_int8", "rows", "arena"),
    ("mlperf_tiny_ic_resnet8_int8", "rows", "arena"),
)


@pytest.mark.parametrize(("model", "inputs", "outputs"), TRANSFERS)
def test_transfer(
    shared_models: Path, model: str, inputs: InputMode, outputs: OutputMode, tmp_path: Path
) -> None:
    options = Options(
        str(shared_models / f"{model}.onnx"),
        "cortex-m7",
        input_mode=inputs,
        output_mode=outputs,
    )
    prove(compile_model(options), ("cortex-m7", "rv32imc"), tmp_path)


@pytest.mark.parametrize(
    ("target", "resolution"),
    [
        ("cortex-m7", 96),
        pytest.param("cortex-m7", 224, marks=pytest.mark.slow),
        pytest.param("cortex-m0plus", 96, marks=pytest.mark.slow),
        pytest.param("cortex-m0plus", 224, marks=pytest.mark.slow),
    ],
)
def test_zoo(target: str, resolution: int, tmp_path: Path) -> None:
    network = {"alpha": 0.25, "resolution": resolution}
    options = Options("mobilenet_v1", target, network=network)
    prove(compile_model(options), CORES[target], tmp_path)
