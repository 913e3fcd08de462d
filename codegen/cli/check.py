"""codegen check: every problem of a network at once, and what will become of it."""

from __future__ import annotations

import sys

import click

from codegen.check import check_model, checked_to_json, render_checked
from codegen.cli.floats import float_option
from codegen.cli.shapes import assign_shapes, shape_option
from codegen.options import FloatOps, Options, c_identifier
from codegen.sources import split_spec


@click.command()
@click.argument("model")
@click.option(
    "--target", "-t", default="", help="Ask the kernels of this target. Default: those of all."
)
@click.option("--json", "as_json", is_flag=True, help="Print what was found as JSON.")
@float_option
@shape_option
def check(
    model: str, target: str, as_json: bool, float_ops: FloatOps, shape: tuple[str, ...]
) -> None:
    r"""Tell whether MODEL, an ONNX file or a zoo network, can be emitted, without data, at once.

    Every problem of the whole network is listed, then what folds away, which layers compute in
    floats, which formats need samples, and how much work there is. The exit status is that of the
    error that emit would end with, 0 where it would not.

    \b
    codegen check my_network.onnx
    codegen check my_network.onnx --shape image=1,3,96,96 --json
    """
    path, network = split_spec(model)
    shapes = assign_shapes(shape, [c_identifier(path)])
    options = Options(
        path,
        target,
        network=network,
        shapes=next(iter(shapes.values()), {}),
        float_ops=float_ops,
    )
    found = check_model(options)
    click.echo(checked_to_json(found) if as_json else render_checked(found), nl=False)
    sys.exit(found.exit_status)
