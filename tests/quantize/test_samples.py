"""load_samples and synthetic_samples: what they read, and what they say when they cannot."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from codegen.errors import BadCalibrationData, UnreadableFile
from codegen.ir.graph import Graph
from codegen.ir.types import Array, DType, Origin, Quant, TensorType
from codegen.quantize import graph_inputs, load_samples, synthetic_samples

QUANT = Quant((0.5,), 3)


def image_graph(quant: Quant | None = None) -> Graph:
    """One input: an image (4, 5, 3) that shows the ONNX tensor "image" of shape (3, 4, 5)."""
    types = {"x": TensorType((4, 5, 3), quant=quant)}
    return Graph("g", ("x",), ("x",), (), types, {}, {"x": Origin("image", (1, 2, 0))})


def two_inputs() -> Graph:
    types = {"a": TensorType((2, 3)), "b": TensorType((4,))}
    return Graph("g", ("a", "b"), ("a",), (), types, {}, {"a": Origin("A"), "b": Origin("B")})


@pytest.fixture
def batch() -> Array:
    return np.random.default_rng(1).normal(size=(6, 3, 4, 5)).astype(np.float32)


def test_npz_of_one_array_under_any_name(tmp_path: Path, batch: Array) -> None:
    np.savez(tmp_path / "d.npz", whatever=batch)
    samples = load_samples(tmp_path / "d.npz", image_graph())
    assert samples.count == 6 and samples.source == "d.npz" and not samples.synthetic
    np.testing.assert_array_equal(samples.arrays[0], batch)
    np.testing.assert_array_equal(samples.one(2)[0], batch[2:3])


@pytest.mark.parametrize("key", ["image", "x"])
def test_npz_by_name_beside_other_arrays(tmp_path: Path, batch: Array, key: str) -> None:
    np.savez(tmp_path / "d.npz", **{key: batch, "labels": np.arange(6)})
    assert load_samples(tmp_path / "d.npz", image_graph()).count == 6


def test_npz_for_two_inputs(tmp_path: Path) -> None:
    a, b = np.ones((3, 2, 3)), np.zeros((3, 4), np.float16)
    np.savez(tmp_path / "d.npz", B=b, A=a)
    samples = load_samples(tmp_path / "d.npz", two_inputs())
    assert [array.shape for array in samples.arrays] == [(3, 2, 3), (3, 4)]
    assert all(array.dtype == np.float32 for array in samples.arrays)


def test_folder_of_samples_and_batches_in_order(tmp_path: Path, batch: Array) -> None:
    np.save(tmp_path / "b.npy", batch[1:5])
    np.save(tmp_path / "a.npy", batch[0])
    np.save(tmp_path / "c.npy", batch[5:])
    (tmp_path / "notes.txt").write_text("not data")
    samples = load_samples(tmp_path, image_graph())
    np.testing.assert_array_equal(samples.arrays[0], batch)


def test_uint8_images_are_reals_as_they_are(tmp_path: Path) -> None:
    pixels = np.arange(60, dtype=np.uint8).reshape(1, 3, 4, 5) * 4
    np.savez(tmp_path / "d.npz", pixels)
    loaded = load_samples(tmp_path / "d.npz", image_graph()).arrays[0]
    assert loaded.dtype == np.float32
    np.testing.assert_array_equal(loaded, pixels)


@pytest.mark.parametrize(("dtype", "offset"), [(np.int8, 0), (np.uint8, 128)])
def test_integers_for_a_prescribed_format_are_quantized_values(
    tmp_path: Path, dtype: type, offset: int
) -> None:
    q = np.random.default_rng(2).integers(-128, 128, (7, 3, 4, 5))
    np.savez(tmp_path / "d.npz", (q + offset).astype(dtype))
    graph = image_graph(QUANT)
    samples = load_samples(tmp_path / "d.npz", graph)
    np.testing.assert_array_equal(samples.arrays[0], (q - 3) * 0.5)
    fixed = Graph(
        "g", ("x",), ("x",), (), {"x": TensorType((4, 5, 3), DType.INT8, QUANT)}, {}, graph.origins
    )
    np.testing.assert_array_equal(graph_inputs(fixed, samples)[0], q.transpose(0, 2, 3, 1))


def test_graph_inputs_are_in_the_graphs_layout(tmp_path: Path, batch: Array) -> None:
    np.savez(tmp_path / "d.npz", batch)
    graph = image_graph()
    (found,) = graph_inputs(graph, load_samples(tmp_path / "d.npz", graph))
    np.testing.assert_array_equal(found, batch.transpose(0, 2, 3, 1))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (np.zeros((2, 4, 5, 3)), r"'image' expects shape \(N, 3, 4, 5\), got \(2, 4, 5, 3\)"),
        (np.zeros(()), r"got \(\)"),
        (np.zeros((0, 3, 4, 5)), "holds no samples"),
        (np.zeros((2, 3, 4, 5), np.int64), "takes floats or uint8, got int64"),
        (np.zeros((2, 3, 4, 5), np.int8), "takes floats or uint8, got int8"),
        (np.zeros((2, 3, 4, 5), bool), "got bool"),
        (np.full((2, 3, 4, 5), np.inf), r"holds inf at \(0, 0, 0, 0\), of 120 such"),
        (np.full((2, 3, 4, 5), 1e300), "holds 1e\\+300 at"),
    ],
)
def test_bad_arrays(tmp_path: Path, data: Array, words: str) -> None:
    np.savez(tmp_path / "d.npz", data)
    with pytest.raises(BadCalibrationData, match=words):
        load_samples(tmp_path / "d.npz", image_graph())


def test_nan_is_located(tmp_path: Path, batch: Array) -> None:
    batch[4, 2, 1, 0] = np.nan
    np.savez(tmp_path / "d.npz", x=batch)
    with pytest.raises(BadCalibrationData, match=r"nan at \(4, 2, 1, 0\)[\s\S]*d\.npz: x"):
        load_samples(tmp_path / "d.npz", image_graph())


def test_all_bad_files_are_named_at_once(tmp_path: Path, batch: Array) -> None:
    np.save(tmp_path / "a.npy", batch[0, :2])
    np.save(tmp_path / "b.npy", batch)
    np.save(tmp_path / "c.npy", batch > 0)
    with pytest.raises(BadCalibrationData) as caught:
        load_samples(tmp_path, image_graph())
    assert [Path(problem.where).name for problem in caught.value.problems] == ["a.npy", "c.npy"]


def test_missing_inputs_are_named(tmp_path: Path) -> None:
    np.savez(tmp_path / "d.npz", A=np.zeros((1, 2, 3)), C=np.zeros(4))
    with pytest.raises(BadCalibrationData, match="no array for input B; there are A, C"):
        load_samples(tmp_path / "d.npz", two_inputs())


def test_inputs_need_as_many_samples(tmp_path: Path) -> None:
    np.savez(tmp_path / "d.npz", A=np.zeros((2, 2, 3)), B=np.zeros((3, 4)))
    with pytest.raises(BadCalibrationData, match=r"\[2, 3\] samples each"):
        load_samples(tmp_path / "d.npz", two_inputs())


def test_a_folder_serves_one_input(tmp_path: Path) -> None:
    with pytest.raises(BadCalibrationData, match="this has 2"):
        load_samples(tmp_path, two_inputs())


def test_an_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(BadCalibrationData, match=r"no \.npy files"):
        load_samples(tmp_path, image_graph())


@pytest.mark.parametrize("name", ["d.npz", "d.npy", "d.txt", "absent.npz"])
def test_unreadable_files(tmp_path: Path, name: str) -> None:
    if not name.startswith("absent"):
        (tmp_path / name).write_bytes(b"PK not what the name says")
    with pytest.raises(UnreadableFile, match=name):
        load_samples(tmp_path / name, image_graph())


def test_a_pickle_is_not_loaded(tmp_path: Path) -> None:
    np.savez(tmp_path / "d.npz", np.array([{"a": 1}], dtype=object))
    with pytest.raises(UnreadableFile, match=r"d\.npz"):
        load_samples(tmp_path / "d.npz", image_graph())


def test_synthetic_samples_are_always_the_same_and_differ() -> None:
    first, second = (synthetic_samples(image_graph(), 5) for _ in range(2))
    assert first.synthetic and first.source == "5 synthetic samples"
    np.testing.assert_array_equal(first.arrays[0], second.arrays[0])
    assert first.arrays[0].shape == (5, 3, 4, 5)
    assert len({sample.tobytes() for sample in first.arrays[0]}) == 5
    other = synthetic_samples(image_graph(), 5, seed=1)
    assert not np.array_equal(first.arrays[0], other.arrays[0])


def test_synthetic_samples_cover_their_span() -> None:
    graph = two_inputs()
    a, b = synthetic_samples(graph, 16, spans={"B": (0.0, 255.0)}).arrays
    assert a.min() == -1 and a.max() == 1
    assert b.min() == 0 and b.max() == 255


def test_synthetic_samples_cover_a_prescribed_format() -> None:
    (x,) = synthetic_samples(image_graph(QUANT), 8).arrays
    assert x.min() == -65.5 and x.max() == 62


def test_synthetic_images_are_smooth_and_of_several_contrasts() -> None:
    types = {"x": TensorType((64, 64, 3))}
    graph = Graph("g", ("x",), ("x",), (), types)
    (x,) = synthetic_samples(graph, 8).arrays
    steps = np.abs(np.diff(x, axis=1)).mean(axis=(1, 2, 3))
    spread = np.ptp(x, axis=(1, 2, 3))
    assert (steps < 0.1 * spread).all()
    assert spread.max() > 2 * spread.min()


def integer_graph(dtype: DType) -> Graph:
    return Graph("g", ("x",), ("x",), (), {"x": TensorType((4,), dtype)}, {})


def test_integers_that_stand_for_themselves_stay_as_they_are(tmp_path: Path) -> None:
    given = np.array([[1, -(2**31), 2**31 - 1, 0]])
    np.save(tmp_path / "d.npy", given)
    graph = integer_graph(DType.INT32)
    samples = load_samples(tmp_path / "d.npy", graph)
    (found,) = graph_inputs(graph, samples)
    assert found.dtype == np.int32
    np.testing.assert_array_equal(found, given)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.ones((2, 4), np.float32), "takes int8, got float32"),
        (np.full((2, 4), 128), "takes int8, got values from 128 to 128"),
    ],
)
def test_what_an_integer_input_does_not_take(tmp_path: Path, array: Array, message: str) -> None:
    np.save(tmp_path / "d.npy", array)
    with pytest.raises(BadCalibrationData, match=message):
        load_samples(tmp_path / "d.npy", integer_graph(DType.INT8))


@pytest.mark.parametrize("dtype", [d for d in DType if d is not DType.FLOAT32])
def test_synthetic_integers(dtype: DType) -> None:
    """Bytes take all values, others are choices."""
    (found,) = synthetic_samples(integer_graph(dtype), 64).arrays
    assert found.dtype == dtype.numpy
    wide = dtype.size_bytes == 1
    assert found.min() == (dtype.min if wide else 0)
    assert found.max() == (dtype.max if wide else 1)
