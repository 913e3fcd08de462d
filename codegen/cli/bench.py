"""codegen bench: counted instructions and estimated cycles, by layer, opcode and loop."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

import click

from codegen.bench import (
    Comparison,
    Run,
    compare_runs,
    load_runs,
    match_runs,
    measure_model,
    measure_project,
    render_comparison,
    render_runs,
    runs_to_json,
)
from codegen.cli.console import progress_bar, stdout
from codegen.cli.model import (
    PATH,
    is_project,
    make_each_options,
    model_options,
    refuse_model_options,
)
from codegen.emit.folder import write_files
from codegen.errors import BadOption
from codegen.options import Options
from codegen.progress import Progress
from codegen.toolchain import CrossCompiler

DEFAULT_CPU = "cortex-m4"
COMPILERS: tuple[CrossCompiler, ...] = get_args(CrossCompiler)


@click.command()
@click.argument("models", metavar="MODEL|DIR...", nargs=-1, required=True)
@click.option(
    "--cpu",
    "-c",
    multiple=True,
    help=f"Target to run on; may be repeated. Default: a folder's own, {DEFAULT_CPU} for models.",
)
@click.option(
    "--compiler",
    type=click.Choice(COMPILERS),
    default="zig",
    show_default=True,
    help="zig's clang from pip, or arm-none-eabi-gcc.",
)
@click.option("--per-layer", is_flag=True, help="List the layers, and the loop that leads in each.")
@click.option(
    "--against",
    metavar="OTHER",
    help="Compare with another model or folder, or with another compiler: zig, gcc.",
)
@click.option("--save", type=PATH, metavar="FILE", help="Keep the runs as a baseline.")
@click.option("--diff", type=PATH, metavar="FILE", help="Compare with runs that were saved.")
@click.option("--json", "as_json", is_flag=True, help="Print the runs as JSON.")
@model_options
def bench(
    models: tuple[str, ...],
    cpu: tuple[str, ...],
    compiler: CrossCompiler,
    per_layer: bool,
    against: str | None,
    save: Path | None,
    diff: Path | None,
    as_json: bool,
    **given: Any,
) -> None:
    r"""Count what one inference of MODEL costs: a model file, a zoo network, or an emitted folder.

    The C is built for each target and run in an emulator, and must give the reference's bytes.
    Instructions are exact, cycles an estimate from the target's cost table.

    \b
    codegen bench squeezenet.onnx --cpu cortex-m4 --cpu cortex-m7
    codegen bench my_network/ --per-layer
    codegen bench my_network/ --save before.json
    codegen bench my_network/ --diff before.json
    codegen bench my_network.onnx --against gcc
    """
    if against is not None and diff is not None:
        raise BadOption("--against, --diff: two things to compare with", hint="give one of them")
    earlier = load_runs(diff) if diff else ()
    others = (against,) if against is not None and against not in COMPILERS else ()
    if others and len(models) > 1:
        raise BadOption(
            f"--against {against}: several models to compare with it", hint="give one model"
        )
    options = _options_of((*models, *others), given)
    with progress_bar() as progress:
        runs = _measure(models, options, cpu, compiler, progress)
        pairs = _pairs(runs, earlier, diff)
        if others:
            cpus = cpu or tuple(dict.fromkeys(run.target for run in runs))
            found = _measure(others, options, cpus, compiler, progress)
            pairs = _beside(found, runs, others[0])
        elif against is not None:
            other: CrossCompiler = "gcc" if against == "gcc" else "zig"
            pairs = tuple(zip(_measure(models, options, cpu, other, progress), runs, strict=True))
    if save:
        write_files(save.parent, {save.name: runs_to_json(runs)})
    _show(runs, tuple(compare_runs(*pair) for pair in pairs), per_layer, as_json)


def _show(
    runs: Sequence[Run], compared: Sequence[Comparison], per_layer: bool, as_json: bool
) -> None:
    if as_json:
        click.echo(runs_to_json(runs, compared), nl=False)
        return
    console = stdout()
    if not compared:
        render_runs(runs, console, layers=per_layer)
    for index, comparison in enumerate(compared):
        if index:
            console.print()
        render_comparison(comparison, console, unchanged=per_layer)


def _options_of(models: Sequence[str], given: dict[str, Any]) -> dict[str, Options]:
    """Return the options of each model that is no folder; BadOption where none takes them."""
    found = [model for model in models if not is_project(model)]
    if not found:
        refuse_model_options(given)
        return {}
    if len(found) > 1 and given["name"] is not None:
        raise BadOption("--name: several models cannot have one name", hint="leave out --name")
    return dict(zip(found, make_each_options(found, DEFAULT_CPU, given), strict=True))


def _measure(
    models: Sequence[str],
    options: dict[str, Options],
    cpus: Sequence[str],
    compiler: CrossCompiler,
    progress: Progress,
) -> tuple[Run, ...]:
    runs: list[Run] = []
    for model in models:
        if is_project(model):
            runs += measure_project(Path(model), cpus, compiler, progress)
        else:
            runs += measure_model(options[model], cpus or (DEFAULT_CPU,), compiler, progress)
    return tuple(runs)


def _pairs(
    runs: Sequence[Run], earlier: Sequence[Run], diff: Path | None
) -> tuple[tuple[Run, Run], ...]:
    """Return runs with those saved of the same place; BadOption where there are none."""
    pairs = match_runs(earlier, runs)
    if diff and not pairs:
        known = ", ".join(" ".join(run.place) for run in earlier) or "nothing"
        raise BadOption(
            f"--diff {diff}: it has no run of these networks, targets and compilers",
            hint=f"it holds {known}",
        )
    return pairs


def _beside(others: Sequence[Run], runs: Sequence[Run], name: str) -> tuple[tuple[Run, Run], ...]:
    if len(others) != len(runs):
        raise BadOption(
            f"--against {name}: folders of different numbers of networks",
            hint="emit the networks alone",
        )
    return tuple(zip(others, runs, strict=True))
