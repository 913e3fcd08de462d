"""An output folder appears whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from codegen.emit.folder import output_folder, write_files
from codegen.errors import OutputExists, OutputNotWritable

REPORT = '{"schema": "codegen.report/1"}'


def fill(path: Path, text: str = "new", *, force: bool = False) -> None:
    with output_folder(path, force=force) as folder:
        write_files(folder, {"a.c": text, "b.bin": b"\x00", "report.json": REPORT})


def names(path: Path) -> set[str]:
    return {entry.name for entry in path.iterdir()}


def test_the_folder_holds_what_was_written(tmp_path: Path) -> None:
    fill(tmp_path / "deep" / "out")
    assert names(tmp_path / "deep" / "out") == {"a.c", "b.bin", "report.json"}
    assert (tmp_path / "deep" / "out" / "a.c").read_bytes() == b"new"
    assert names(tmp_path / "deep") == {"out"}


def test_the_folder_has_the_permissions_of_others(tmp_path: Path) -> None:
    (tmp_path / "plain").mkdir()
    fill(tmp_path / "out")
    assert (tmp_path / "out").stat().st_mode == (tmp_path / "plain").stat().st_mode


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_an_error_leaves_nothing(tmp_path: Path, error: type[BaseException]) -> None:
    with pytest.raises(error), output_folder(tmp_path / "deep" / "out") as folder:
        write_files(folder, {"a.c": "half"})
        raise error
    assert names(tmp_path) == set()


def test_an_error_leaves_the_old_folder(tmp_path: Path) -> None:
    fill(tmp_path / "out", "old")
    with pytest.raises(ValueError), output_folder(tmp_path / "out", force=True) as folder:
        write_files(folder, {"a.c": "half"})
        raise ValueError
    assert (tmp_path / "out" / "a.c").read_text() == "old"
    assert names(tmp_path) == {"out"}


def test_force_replaces_the_whole_folder(tmp_path: Path) -> None:
    fill(tmp_path / "out", "old")
    (tmp_path / "out" / "left_over.c").touch()
    fill(tmp_path / "out", "new", force=True)
    assert names(tmp_path / "out") == {"a.c", "b.bin", "report.json"}
    assert (tmp_path / "out" / "a.c").read_text() == "new"
    assert names(tmp_path) == {"out"}


def test_the_old_folder_returns_if_the_new_one_cannot_take_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(tmp_path / "out", "old")
    rename = Path.rename

    def fail(self: Path, target: Path) -> Path:
        if self.name == "new":
            raise OSError(28, "No space left on device")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", fail)
    with pytest.raises(OutputNotWritable, match="No space left"):
        fill(tmp_path / "out", "new", force=True)
    assert (tmp_path / "out" / "a.c").read_text() == "old"
    assert names(tmp_path) == {"out"}


def test_what_exists_is_spared_without_force(tmp_path: Path) -> None:
    fill(tmp_path / "out", "old")
    with pytest.raises(OutputExists, match="exists already"):
        fill(tmp_path / "out")
    assert (tmp_path / "out" / "a.c").read_text() == "old"


@pytest.mark.parametrize("report", [None, "not json", "[]", '{"schema": "other/1"}'])
def test_force_replaces_only_what_codegen_wrote(tmp_path: Path, report: str | None) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.tex").touch()
    if report is not None:
        (tmp_path / "out" / "report.json").write_text(report)
    with pytest.raises(OutputExists, match="not written by codegen"):
        fill(tmp_path / "out", force=True)
    assert (tmp_path / "out" / "thesis.tex").exists()


def test_force_does_not_replace_a_file(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("mine")
    with pytest.raises(OutputExists):
        fill(tmp_path / "out", force=True)
    assert (tmp_path / "out").read_text() == "mine"


def test_an_empty_folder_may_be_replaced(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    fill(tmp_path / "out", force=True)
    assert (tmp_path / "out" / "a.c").exists()


def test_a_link_to_a_folder_stays_a_link(tmp_path: Path) -> None:
    fill(tmp_path / "real", "old")
    (tmp_path / "link").symlink_to("real")
    fill(tmp_path / "link", "new", force=True)
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real" / "a.c").read_text() == "new"


@pytest.mark.parametrize("place", ["file/out", "file/deep/out"])
def test_no_folder_in_a_file(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputNotWritable):
        fill(tmp_path / place)
    assert names(tmp_path) == {"file"}


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_no_permission(tmp_path: Path) -> None:
    (tmp_path / "locked").mkdir(mode=0o500)
    with pytest.raises(OutputNotWritable, match="Permission denied"):
        fill(tmp_path / "locked" / "deep" / "out")


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(OutputNotWritable, match=r"gone/a\.c"):
        write_files(tmp_path / "gone", {"a.c": ""})
