"""Functions that make samples, and streams: what is read, how much of it, and what can go wrong."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from codegen.errors import BadCalibrationData, CodegenError, UnreadableFile
from codegen.ir.graph import Graph
from codegen.ir.types import TensorType
from codegen.quantize import load_samples, open_stream
from codegen.quantize.streams import MOST_PROBLEMS

MODULE = """
import numpy as np
made = []

def one_by_one():
    for index in range(5):
        made.append(index)
        yield np.full((2, 3), index)/2

def as_list():
    return [np.zeros((2, 3)), np.ones((4, 2, 3)), [[1.0, 2, 3], [4, 5, 6]]]

def reused():
    buffer = np.zeros((2, 3), np.float32)
    for index in range(4):
        buffer[:] = index
        yield buffer

def pairs():
    yield np.zeros((2, 3)), np.ones(4)
    yield {"B": np.ones(4), "A": np.zeros((2, 3)), "label": 3}

class data:
    @staticmethod
    def train():
        yield np.ones((2, 3))

def fails_late():
    yield np.zeros((2, 3))
    raise RuntimeError("the split 'train'\\nis not there")

def fails_at_once():
    raise KeyError("x")

def leaves():
    import sys
    sys.exit("bye")

def nothing():
    return iter(())

def none():
    pass

def wants(x):
    return x

def wrong_shape():
    yield np.zeros((3, 2))
    yield np.zeros((2, 3))
    yield np.zeros(2)

def wrong_kind():
    yield "word"
    yield [[1], [2, 3]]
    yield np.zeros((2, 3), np.int64)
    yield np.full((2, 3), np.nan)
    yield np.zeros((2, 3)), np.zeros((2, 3))

def always_wrong():
    while True:
        yield np.zeros(7)

number = 3
"""


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    (tmp_path / "my_samples.py").write_text(MODULE)
    (tmp_path / "breaks.py").write_text("import os\n1 / 0\n")
    (tmp_path / "typo.py").write_text("def f(:\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield
    for name in ("my_samples", "breaks", "typo"):
        sys.modules.pop(name, None)


def one_input() -> Graph:
    return Graph("g", ("x",), ("x",), (), {"x": TensorType((2, 3))})


def two_inputs() -> Graph:
    types = {"A": TensorType((2, 3)), "B": TensorType((4,))}
    return Graph("g", ("A", "B"), ("A",), (), types)


def read(function: str, graph: Graph | None = None) -> list[float]:
    """Return the first number of each sample."""
    found = load_samples(Path(f"my_samples:{function}"), graph or one_input())
    assert found.source == f"my_samples:{function}"
    return [float(sample.flat[0]) for sample in found.arrays[0]]


def test_samples_are_yielded() -> None:
    assert read("one_by_one") == [0, 0.5, 1, 1.5, 2]


def test_a_list_of_samples_and_batches() -> None:
    assert read("as_list") == [0, 1, 1, 1, 1, 1]


def test_a_buffer_may_be_used_again() -> None:
    assert read("reused") == [0, 1, 2, 3]


def test_a_function_of_a_class() -> None:
    assert read("data.train") == [1]


def test_several_inputs_are_tuples_or_dictionaries() -> None:
    found = load_samples(Path("my_samples:pairs"), two_inputs())
    assert [array.shape for array in found.arrays] == [(2, 2, 3), (2, 4)]
    assert (found.arrays[1] == 1).all()


def test_samples_are_made_when_they_are_read() -> None:
    """A stream holds none but those that were peeked at, and makes each once."""
    stream = open_stream(Path("my_samples:one_by_one"), one_input())
    assert stream.count is None
    held, stream = stream.peek(2)
    made = sys.modules["my_samples"].made
    assert made == [0, 1] and held.count == 2
    first = list(itertools.islice(stream, 4))
    assert made == [0, 1, 2, 3] and [x[0][0, 0, 0] for x in first] == [0, 0.5, 1, 1.5]
    assert len(list(stream)) == 1 and made == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ("function", "words"),
    [
        ("fails_late", r"raises RuntimeError: the split 'train' is not there\n.*my_samples\.py:30"),
        ("fails_at_once", "raises KeyError: 'x'"),
        ("leaves", "raises SystemExit: bye"),
        ("wants", "raises TypeError: wants.. missing 1 required"),
        ("nothing", "holds no samples"),
        ("none", "returns NoneType, nothing to iterate over"),
    ],
)
def test_functions_that_make_no_samples(function: str, words: str) -> None:
    with pytest.raises(BadCalibrationData, match=words):
        read(function)


def test_all_that_is_wrong_is_told_at_once() -> None:
    with pytest.raises(BadCalibrationData) as caught:
        read("wrong_shape")
    problems = caught.value.problems
    assert [p.where for p in problems] == [f"my_samples:wrong_shape, item {i}" for i in (0, 2)]
    with pytest.raises(BadCalibrationData) as caught:
        read("wrong_kind")
    assert [p.message.partition(":")[0] for p in caught.value.problems] == [
        "input 'x' expects shape (N, 2, 3), got ()",
        "this is no array",
        "input 'x' takes floats or uint8, got int64",
        "input 'x' holds nan at (0, 0, 0), of 6 such",
        "holds 2 arrays for 1 inputs",
    ]


def test_what_is_always_wrong_is_given_up() -> None:
    with pytest.raises(BadCalibrationData) as caught:
        read("always_wrong")
    assert len(caught.value.problems) == MOST_PROBLEMS


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("my_samples:absent", "module my_samples has no function absent"),
        ("my_samples:number", "has no function number"),
        ("no_such_module:f", "cannot be imported: No module named 'no_such_module'"),
        ("breaks:f", r"cannot be imported: ZeroDivisionError: division by zero\n.*breaks\.py:2"),
        ("typo:f", "cannot be imported: SyntaxError"),
        ("a file:f", "no file of samples"),
    ],
)
def test_what_is_no_function(name: str, words: str) -> None:
    with pytest.raises(UnreadableFile, match=words):
        load_samples(Path(name), one_input())


def test_a_file_comes_before_a_function(tmp_path: Path) -> None:
    (tmp_path / "my_samples:one_by_one").mkdir()
    with pytest.raises(CodegenError, match=r"no \.npy files and no images"):
        load_samples(Path("my_samples:one_by_one"), one_input())


def test_files_are_read_one_by_one(tmp_path: Path) -> None:
    """NaN in the last file is found when it is reached; the number of samples is known before."""
    for name, value in (("a", 1.0), ("b", np.nan)):
        np.save(tmp_path / f"{name}.npy", np.full((3, 2, 3), value))
    stream = open_stream(tmp_path, one_input())
    assert stream.count == 6
    samples = iter(stream)
    assert [float(next(samples)[0][0, 0, 0]) for _ in range(3)] == [1, 1, 1]
    with pytest.raises(BadCalibrationData, match=r"nan at \(0, 0, 0\)[\s\S]*b\.npy"):
        next(samples)
