"""An installed copy behaves as the checkout does."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from codegen import __version__
from codegen.targets import list_targets

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built without a network."""
    out = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    flags = ["--no-deps", "--no-build-isolation", "--wheel-dir", str(out)]
    subprocess.run([*pip, "wheel", *flags, str(ROOT)], check=True, cwd=out)
    return next(out.glob("*.whl"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment in which the installed copy comes before the checkout."""
    site = tmp_path_factory.mktemp("site")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    return {**os.environ, "PYTHONPATH": str(site)}


def run(environment: dict[str, str], folder: Path, *command: str) -> str:
    done = subprocess.run(
        [sys.executable, *command], env=environment, cwd=folder, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_wheel_is_named_after_the_distribution(wheel: Path) -> None:
    assert wheel.name == f"codegen_mcu-{__version__}-py3-none-any.whl"


def test_the_wheel_carries_every_template_and_target(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    for folder in ("templates", "targets"):
        for path in (ROOT / folder).rglob("*"):
            if path.is_file():
                assert f"codegen/_data/{path.relative_to(ROOT)}" in names
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert {f"codegen/toolchain/{name}.c" for name in ("block_hook", "host_loop")} <= names
    assert "codegen/py.typed" in names


def test_an_installed_copy_finds_its_data(installed: dict[str, str], tmp_path: Path) -> None:
    code = "import codegen.resources as r; print(r.folder('templates')); print(r.folder('targets'))"
    for line in run(installed, tmp_path, "-c", code).splitlines():
        assert line.startswith(installed["PYTHONPATH"])
        assert Path(line).is_dir()


def test_an_installed_copy_emits_the_same_bytes(installed: dict[str, str], tmp_path: Path) -> None:
    main = "from codegen.cli import main; main()"
    network = ("mobilenet_v1", "--alpha", "0.125", "--resolution", "32")
    arguments = ("-c", main, "emit", *network, "--target", "cortex-m4", "--no-measure")
    run(installed, tmp_path, *arguments, "-o", "installed")
    run(dict(os.environ), tmp_path, *arguments, "-o", "checkout")
    for path in (tmp_path / "checkout").iterdir():
        assert path.read_bytes() == (tmp_path / "installed" / path.name).read_bytes()


def test_the_command_lists_the_targets(installed: dict[str, str], tmp_path: Path) -> None:
    shown = run(installed, tmp_path, "-c", "from codegen.cli import main; main()", "targets")
    assert all(name in shown for name in list_targets())


def test_extras_are_those_documented() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["name"] == "codegen-mcu"
    extras = {"target", "tflite", "images", "rtl", "dev", "all"}
    assert project["optional-dependencies"].keys() == extras
    assert project["scripts"] == {"codegen": "codegen.cli:main"}
