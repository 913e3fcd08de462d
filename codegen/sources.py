"""Open what a user names: an ONNX or TFLite file, or a network of the zoo."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import onnx

from codegen.errors import BadOption, UnknownName
from codegen.frontend import fix_shapes, inline_functions, load_model, raise_dynamic
from codegen.frontend.shapes import Shapes
from codegen.options import Options

FILE_SUFFIXES = (".onnx", ".tflite")
"""A model whose name ends so is a file; the zoo is not asked, nor read."""


def open_model(options: Options) -> onnx.ModelProto:
    """Return the zoo network of that name, else the model in the file, ready to be imported.

    Its inputs have the shapes that are given, its functions are inlined, and what is quantized
    while it runs is raised to reals. Raises UnknownName,
    UnreadableFile, MissingTool, BadOption.
    """
    return by_known(open_written(options))


def open_written(options: Options) -> onnx.ModelProto:
    """Return the model as it is written, but for shapes of inputs; raises as `open_model`."""
    return fix_shapes(_open_weighted(options), options.shapes, Path(options.model).name)


def open_structure(model: str, network: Mapping[str, object], shapes: Shapes) -> onnx.ModelProto:
    """Return a zoo network with those options, its weights left out, else the file's model.

    Raises as `open_model`.
    """
    if is_zoo_network(model):
        from codegen import zoo

        opened = zoo.build(model, network, weights=False)
    else:
        opened = open_file(model, tuple(network))
    return by_known(fix_shapes(opened, shapes, Path(model).name))


def by_known(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return the model without what other operators say."""
    return inline_functions(raise_dynamic(model))


def is_zoo_network(model: str) -> bool:
    """The zoo has a network of that name."""
    if model.endswith(FILE_SUFFIXES):
        return False
    from codegen.zoo.spec import is_zoo_name

    return is_zoo_name(model)


def split_spec(text: str) -> tuple[str, dict[str, object]]:
    """Return a model's name and the options of a zoo network written behind it."""
    if text.endswith(FILE_SUFFIXES):
        return text, {}
    from codegen.zoo.spec import parse_spec

    return parse_spec(text)


def open_file(model: str, zoo_options: Sequence[str]) -> onnx.ModelProto:
    """Return the model in a file; UnknownName where a name is meant, BadOption with zoo options."""
    path = Path(model)
    if zoo_options:
        raise BadOption(
            f"{', '.join(zoo_options)}: only zoo networks take this, and '{model}' is none of them",
            hint="see codegen zoo",
        )
    if not path.suffix and not path.exists():
        from codegen import zoo

        names = ", ".join(network.name for network in zoo.NETWORKS)
        raise UnknownName(
            f"'{model}' is neither a network of the zoo nor a file",
            hint=f"the zoo has {names}; a model is given by its .onnx or .tflite file",
        )
    return load_model(path)


def _open_weighted(options: Options) -> onnx.ModelProto:
    """Return the network with its parameters."""
    if is_zoo_network(options.model):
        from codegen import zoo

        model = zoo.build(options.model, options.network)
        return zoo.load_weights(model, options.weights) if options.weights else model
    given = (*options.network, *(["weights"] if options.weights else []))
    return open_file(options.model, given)
