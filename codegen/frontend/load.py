"""Read a model file: ONNX with its external data, or TFLite."""

from __future__ import annotations

from pathlib import Path

import onnx
import onnx.version_converter
from google.protobuf.message import DecodeError
from onnx.external_data_helper import load_external_data_for_model

from codegen.errors import UnreadableFile
from codegen.frontend.ports import FIRST_OPSET
from codegen.frontend.tflite import load_tflite

CONVERTED_OPSET = 13
"""What models of operator sets before `FIRST_OPSET` are converted to."""


def load_model(path: Path) -> onnx.ModelProto:
    """Return the model in an ONNX or TFLite file; UnreadableFile where there is none.

    A TFLite network becomes an ONNX model in QDQ form.
    """
    if path.suffix != ".tflite":
        return load_onnx(path)
    return load_tflite(_read(path), path.name)


def load_onnx(path: Path) -> onnx.ModelProto:
    """Return the model in `path`; UnreadableFile where there is none.

    External data is read from the files beside it. A model of an operator set before the first that
    is imported is converted.
    """
    model = _parse(path, _read(path))
    try:
        load_external_data_for_model(model, str(path.parent))
    except (OSError, ValueError, onnx.checker.ValidationError) as error:
        raise UnreadableFile(
            f"the model's external data cannot be read: {error}",
            where=str(path),
            hint="keep the data files that were exported with the model beside it",
        ) from error
    return modernize(model)


def modernize(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return the model in an operator set that is imported; itself where none is converted to."""
    versions = [e.version for e in model.opset_import if e.domain in ("", "ai.onnx")]
    if not versions or versions[0] >= FIRST_OPSET:
        return model
    try:
        return onnx.version_converter.convert_version(model, CONVERTED_OPSET)
    except (RuntimeError, ValueError, onnx.checker.ValidationError):
        return model


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise UnreadableFile("there is no such file", where=str(path)) from None
    except IsADirectoryError:
        raise UnreadableFile(
            "this is a folder, not a file", where=str(path), hint="name the .onnx file in it"
        ) from None
    except OSError as error:
        raise UnreadableFile(f"cannot be read: {error.strerror}", where=str(path)) from error


def _parse(path: Path, data: bytes) -> onnx.ModelProto:
    hint = "give a binary ONNX file, as torch.onnx.export or tf2onnx write it"
    try:
        model: onnx.ModelProto = onnx.ModelProto.FromString(data)
    except DecodeError as error:
        raise UnreadableFile("this is not an ONNX file", where=str(path), hint=hint) from error
    if model.ir_version == 0 or not model.graph.output:
        raise UnreadableFile("this ONNX file holds no network", where=str(path), hint=hint)
    return model
