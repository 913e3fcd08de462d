"""Write an output folder, or a file, whole or not at all."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from codegen.errors import OutputExists, OutputNotWritable

REPORT_FILE = "report.json"
SCHEMA_FAMILIES = ("codegen.report/", "codegen.bundle/", "codegen.dataflow/")


@contextmanager
def output_folder(path: Path, *, force: bool = False) -> Iterator[Path]:
    """Yield an empty folder that takes the place of `path` when the block ends without error.

    On any error, an interrupt included, `path` is as it was. `force` allows replacing a folder
    that is empty or that codegen wrote. Raises OutputExists and OutputNotWritable, both before
    the block runs where that can be known.
    """
    with _replacement(path, check_replaceable, force) as new:
        new.mkdir()
        yield new


@contextmanager
def output_file(path: Path, *, force: bool = False) -> Iterator[Path]:
    """Yield the path of a file to write, which takes the place of `path` as a folder would.

    `force` allows replacing a file, whoever wrote it.
    """
    with _replacement(path, check_file_replaceable, force) as new:
        yield new


@contextmanager
def _replacement(path: Path, check: Callable[[Path, bool], None], force: bool) -> Iterator[Path]:
    """Yield a path beside `path`; what the block puts there takes its place."""
    try:
        path = path.resolve()
        check(path, force)
    except OSError as error:
        raise _not_writable(path, error) from error
    made = _make_parents(path)
    done = False
    try:
        with _holder(path) as holder:
            new = holder / "new"
            yield new
            _swap(new, path, holder / "old")
            done = True
    finally:
        if not done:
            _remove_empty(made)


def write_files(folder: Path, files: Mapping[str, str | bytes]) -> None:
    """Write texts (UTF-8, newlines as they are) and bytes by file name; OutputNotWritable."""
    for name, content in files.items():
        data = content.encode() if isinstance(content, str) else content
        try:
            (folder / name).write_bytes(data)
        except OSError as error:
            raise _not_writable(folder / name, error) from error


def check_replaceable(path: Path, force: bool) -> None:
    """Raise OutputExists unless nothing is at `path`, or `force` may replace what is there."""
    if not path.exists():
        return
    if not force:
        raise OutputExists(
            f"{path} exists already", hint="choose another folder with -o, or replace it: --force"
        )
    if not is_ours(path):
        raise OutputExists(
            f"{path} was not written by codegen, so --force does not replace it",
            hint="choose another folder with -o, or remove it yourself",
        )


def check_file_replaceable(path: Path, force: bool) -> None:
    """Raise OutputExists unless nothing is at `path`, or `force` may replace the file there."""
    if not path.exists():
        return
    if not force:
        raise OutputExists(
            f"{path} exists already", hint="choose another file with -o, or replace it: --force"
        )
    if not path.is_file():
        raise OutputExists(f"{path} is no file", hint="choose another file with -o")


def is_ours(path: Path) -> bool:
    """Tell whether `path` is a folder that is empty or that codegen wrote."""
    if not path.is_dir():
        return False
    if not any(path.iterdir()):
        return True
    try:
        report = json.loads((path / REPORT_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(report, dict) and str(report.get("schema", "")).startswith(SCHEMA_FAMILIES)


@contextmanager
def _holder(path: Path) -> Iterator[Path]:
    """Yield a temporary folder beside `path`, so that renaming stays within a file system."""
    try:
        holder = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    except OSError as error:
        raise _not_writable(path, error) from error
    try:
        yield holder
    finally:
        shutil.rmtree(holder, ignore_errors=True)


def _swap(new: Path, path: Path, old: Path) -> None:
    """Put `new` at `path`; what was there comes back if that fails."""
    had_old = path.exists()
    try:
        if had_old:
            path.rename(old)
        try:
            new.rename(path)
        except BaseException:
            if had_old:
                old.rename(path)
            raise
    except OSError as error:
        raise _not_writable(path, error) from error


def _make_parents(path: Path) -> list[Path]:
    """Make the folders above `path`; return those that were not there, innermost first."""
    missing = [parent for parent in path.parents if not parent.exists()]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        _remove_empty(missing)
        raise _not_writable(path, error) from error
    return missing


def _remove_empty(folders: list[Path]) -> None:
    for folder in folders:
        try:
            folder.rmdir()
        except OSError:
            continue


def _not_writable(path: Path, error: OSError) -> OutputNotWritable:
    reason = error.strerror or str(error)
    return OutputNotWritable(f"cannot write {path}: {reason}", hint="choose another place with -o")
