"""Images as samples: size, layout, channels and scale; and what is said of those that are none."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from codegen.errors import BadCalibrationData, BadOption, MissingTool
from codegen.ir.graph import Graph
from codegen.ir.types import Array, DType, Quant, TensorType
from codegen.options import ImageForm
from codegen.quantize import load_samples

Image = pytest.importorskip("PIL.Image")

RAMP = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3)


def graph_of(*shape: int, quant: Quant | None = None, dtype: DType = DType.FLOAT32) -> Graph:
    return Graph("g", ("x",), ("x",), (), {"x": TensorType(shape, dtype, quant)})


def save(folder: Path, pixels: Array, name: str = "a.png") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return path


def read(folder: Path, graph: Graph, **form: object) -> Array:
    return load_samples(folder, graph, ImageForm(**form)).arrays[0]  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["a.png", "a.BMP"])
def test_an_image_of_the_size_of_the_input_stays_as_it_is(tmp_path: Path, name: str) -> None:
    save(tmp_path, RAMP, name)
    np.testing.assert_array_equal(read(tmp_path, graph_of(4, 6, 3)), RAMP[None])
    np.testing.assert_array_equal(read(tmp_path, graph_of(3, 4, 6)), RAMP.transpose(2, 0, 1)[None])


def test_the_layout_may_be_given(tmp_path: Path) -> None:
    save(tmp_path, RAMP[:, :3])
    graph = graph_of(3, 4, 3)
    assert read(tmp_path, graph).shape == (1, 3, 4, 3)
    found = read(tmp_path, graph_of(4, 3, 3), layout="nhwc")
    np.testing.assert_array_equal(found, RAMP[None, :, :3])


def test_a_wide_image_is_scaled_to_cover_the_input_and_cut(tmp_path: Path) -> None:
    """Of 8 x 20 pixels the middle 8 x 8 remain, at half the size; the rest is black."""
    pixels = np.zeros((8, 20, 3), np.uint8)
    pixels[:, 4:16] = 200
    save(tmp_path, pixels)
    np.testing.assert_array_equal(read(tmp_path, graph_of(4, 4, 3)), np.full((1, 4, 4, 3), 200))


def test_resizing_is_linear(tmp_path: Path) -> None:
    """A ramp stays one, but for the borders and rounding."""
    pixels = np.repeat(np.arange(0, 240, 10, dtype=np.uint8)[None, :, None], 24, axis=0)
    save(tmp_path, np.repeat(pixels, 3, axis=2))
    (found,) = read(tmp_path, graph_of(12, 12, 3))
    np.testing.assert_allclose(found[:, 1:-1, 0], np.arange(25, 225, 20)[None] + np.zeros((12, 1)))


def test_colors_become_gray_and_gray_becomes_colors(tmp_path: Path) -> None:
    save(tmp_path, RAMP)
    gray = read(tmp_path, graph_of(1, 4, 6))
    np.testing.assert_allclose(gray[0, 0], RAMP @ [0.299, 0.587, 0.114], atol=0.6)
    save(tmp_path, RAMP[..., 0])
    found = read(tmp_path, graph_of(3, 4, 6))
    np.testing.assert_array_equal(found[0], np.stack([RAMP[..., 0]] * 3))


def test_transparency_is_dropped(tmp_path: Path) -> None:
    save(tmp_path, np.concatenate([RAMP, RAMP[..., :1]], axis=2))
    np.testing.assert_array_equal(read(tmp_path, graph_of(4, 6, 3)), RAMP[None])


@pytest.mark.parametrize(
    ("mean", "std", "expected"),
    [
        ((), (), lambda x: x),
        ((127.5,), (127.5,), lambda x: x / 127.5 - 1),
        ((10.0, 20.0, 30.0), (), lambda x: x - [10.0, 20.0, 30.0]),
        ((), (255.0,), lambda x: x / 255),
        ((), (1.0,), lambda x: x / 255),
        ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225), lambda x: (x / 255 - M) / S),
        ((0.0,), (2.0,), lambda x: x / 2),
    ],
)
def test_pixels_are_scaled(
    tmp_path: Path, mean: tuple[float, ...], std: tuple[float, ...], expected: object
) -> None:
    """In units of 0 to 255, or of 0 to 1 where no number is above 1."""
    save(tmp_path, RAMP)
    found = read(tmp_path, graph_of(4, 6, 3), mean=mean, std=std)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found[0], expected(RAMP.astype(float)), rtol=1e-6)  # type: ignore[operator]


M, S = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])


def test_images_of_an_input_with_a_format_are_bytes_of_it(tmp_path: Path) -> None:
    """As uint8 arrays are: what the file's own integers are made of."""
    save(tmp_path, RAMP)
    found = read(tmp_path, graph_of(4, 6, 3, quant=Quant((0.5,), -128)))
    np.testing.assert_array_equal(found[0], RAMP * 0.5)
    whole = read(tmp_path, graph_of(4, 6, 3, dtype=DType.UINT8))
    assert whole.dtype == np.uint8


def test_images_come_in_the_order_of_their_paths(tmp_path: Path) -> None:
    for index, name in enumerate(("b/1.png", "a/2.bmp", "a/1.png")):
        save(tmp_path, np.full((4, 6, 3), index, np.uint8), name)
    (tmp_path / "notes.txt").write_text("these are photos")
    found = read(tmp_path, graph_of(4, 6, 3))
    assert found[:, 0, 0, 0].tolist() == [2, 1, 0]


def test_a_camera_held_upright(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[274] = 6
    Image.fromarray(RAMP).save(tmp_path / "a.png", exif=exif)
    found = read(tmp_path, graph_of(6, 4, 3))
    np.testing.assert_array_equal(found[0], np.rot90(RAMP, -1))


def test_all_unreadable_images_are_named(tmp_path: Path) -> None:
    whole = save(tmp_path, RAMP, "a.png").read_bytes()
    (tmp_path / "b.png").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "c.jpg").write_bytes(b"no image")
    (tmp_path / "d.jpeg").write_bytes(b"")
    save(tmp_path, np.full((4, 6), 1000, np.uint16), "e.png")
    with pytest.raises(BadCalibrationData) as caught:
        read(tmp_path, graph_of(4, 6, 3))
    found = {Path(p.where).name: p.message for p in caught.value.problems}
    assert list(found) == ["b.png", "c.jpg", "d.jpeg", "e.png"]
    assert "cannot be read" in found["b.png"] and "more than 8 bits" in found["e.png"]


@pytest.mark.parametrize("shape", [(10,), (4, 6), (4, 6, 2), (5, 4, 6), (1, 3, 4, 6)])
def test_inputs_that_take_no_images(tmp_path: Path, shape: tuple[int, ...]) -> None:
    save(tmp_path, RAMP)
    with pytest.raises(BadCalibrationData, match="images have 1 or 3 channels") as caught:
        read(tmp_path, graph_of(*shape))
    assert "--layout" in caught.value.problems[0].hint


def test_a_mean_for_each_channel(tmp_path: Path) -> None:
    save(tmp_path, RAMP)
    with pytest.raises(BadOption, match="--std has 2 numbers for 3 channels"):
        read(tmp_path, graph_of(4, 6, 3), std=(1.0, 2.0))


def test_images_need_pillow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(tmp_path, RAMP)
    for name in ("PIL", "PIL.Image", "PIL.ImageOps"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(MissingTool) as caught:
        read(tmp_path, graph_of(4, 6, 3))
    assert caught.value.problems[0].hint == "pip install 'codegen-mcu[images]'"
