"""Sample functions: samples that the user's own Python makes, named as `module:function`."""

from __future__ import annotations

import importlib
import re
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from codegen.errors import BadCalibrationData, Problem, UnreadableFile
from codegen.ir.graph import Graph
from codegen.quantize.samples import Part, pick_inputs

NAME = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*(\.[^\W\d]\w*)*")
YIELDS_HINT = "yield an array, or a tuple or dictionary of arrays for several inputs"


def is_function(path: Path) -> bool:
    """The path is that of no file, but names a function of a module."""
    return NAME.fullmatch(str(path)) is not None and not path.exists()


def function_parts(name: str, graph: Graph) -> Iterator[Part | Problem]:
    """Yield what the function `module:function` yields, for each input an array.

    Modules of the current folder are found, too. Whatever the user's code raises becomes
    BadCalibrationData with its text.
    """
    make = find_function(name)
    with users_code(name):
        made = make()
    if not hasattr(made, "__iter__") or isinstance(made, str | bytes | dict):
        raise BadCalibrationData(
            f"returns {type(made).__name__}, nothing to iterate over", where=name, hint=YIELDS_HINT
        )
    with users_code(name):
        items = iter(made)
    index = 0
    while True:
        with users_code(name):
            item = next(items, items)
        if item is items:
            return
        yield one_part(item, graph, f"{name}, item {index}")
        index += 1


def find_function(name: str) -> Callable[[], Any]:
    """Import a function, also from the current folder; UnreadableFile where there is none."""
    module_name, _, attributes = name.partition(":")
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        found: Any = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        raise UnreadableFile(
            f"cannot be imported: {error}",
            where=name,
            hint="modules are looked for in the current folder and where Python has its packages",
        ) from error
    except (Exception, SystemExit) as error:
        raise UnreadableFile(f"cannot be imported: {say(error)}", where=place(error)) from error
    for attribute in attributes.split("."):
        found = getattr(found, attribute, None)
    if not callable(found):
        raise UnreadableFile(f"module {module_name} has no function {attributes}", where=name)
    return found  # type: ignore[no-any-return]


@contextmanager
def users_code(name: str) -> Iterator[None]:
    """Turn what the user's code raises into BadCalibrationData."""
    try:
        yield
    except (Exception, SystemExit) as error:
        raise BadCalibrationData(f"{name} raises {say(error)}", where=place(error)) from error


def say(error: BaseException) -> str:
    """Return kind and text of an exception, in one line.

    >>> say(ValueError("no such split"))
    'ValueError: no such split'
    """
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def place(error: BaseException) -> str:
    """Return the line where an exception was raised."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{frame.filename}:{frame.lineno}"


def one_part(item: Any, graph: Graph, where: str) -> Part | Problem:
    """Return an array for each input from what a function yielded, or what is wrong with it."""
    try:
        if isinstance(item, dict):
            arrays = {str(key): np.asarray(value) for key, value in item.items()}
            return pick_inputs(arrays, graph, where)
        values = item if isinstance(item, tuple) else (item,)
        part = tuple((where, np.asarray(value)) for value in values)
    except BadCalibrationData as error:
        return error.problems[0]
    except (Exception, SystemExit) as error:
        return Problem(f"this is no array: {say(error)}", where, YIELDS_HINT)
    if len(part) != len(graph.inputs):
        message = f"holds {len(part)} arrays for {len(graph.inputs)} inputs"
        return Problem(message, where, YIELDS_HINT)
    return part
