"""codegen zoo: the networks that come with codegen, and `codegen zoo export`, one as a file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from codegen import zoo as networks
from codegen.cli.console import stdout
from codegen.cli.model import PATH, flag, given_zoo_options, zoo_options
from codegen.errors import OutputExists, OutputNotWritable


@click.group(invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="Print the networks as JSON.")
@click.pass_context
def zoo(ctx: click.Context, as_json: bool) -> None:
    """List the networks that can be given by name, with their options."""
    if ctx.invoked_subcommand is not None:
        return
    if as_json:
        click.echo(json.dumps([_to_json(network) for network in networks.NETWORKS], indent=2))
        return
    console = stdout()
    for network in networks.NETWORKS:
        console.print(
            f"[bold]{network.name}[/bold]  {network.title}; {network.paper}", soft_wrap=True
        )
        for option in network.options:
            text = f"{option.help}: {option.values}; default {option.default}"
            console.print(f"  {flag(option.name):16} {text}", highlight=False, soft_wrap=True)
    console.print(
        "\nEach takes --weights: parameters from an .npz or .onnx file, else random ones."
    )


@zoo.command()
@click.argument("name")
@click.option("--output", "-o", type=PATH, required=True, help="The .onnx file to write.")
@click.option("--force", is_flag=True, help="Replace the file.")
@click.option("--weights", type=PATH, help="Parameters, .npz or .onnx.")
@zoo_options
def export(name: str, output: Path, force: bool, weights: Path | None, **given: Any) -> None:
    """Write the network NAME as a float ONNX file."""
    if output.exists() and not force:
        raise OutputExists(f"{output} exists", hint="--force replaces it")
    model = networks.build(name, given_zoo_options(given))
    if weights is not None:
        model = networks.load_weights(model, weights)
    _write(output, model.SerializeToString(deterministic=True))
    stdout().print(f"wrote {output}", soft_wrap=True)


def _write(output: Path, data: bytes) -> None:
    """Write a file, whole or not at all."""
    part = output.with_name(f"{output.name}.part")
    try:
        part.write_bytes(data)
        part.replace(output)
    except OSError as error:
        part.unlink(missing_ok=True)
        reason = error.strerror or str(error)
        raise OutputNotWritable(f"cannot be written: {reason}", where=str(output)) from error


def _to_json(network: networks.Network) -> dict[str, object]:
    return {
        "name": network.name,
        "title": network.title,
        "paper": network.paper,
        "options": [
            {
                "name": option.name,
                "type": option.type.__name__,
                "values": option.values,
                "default": option.default,
                "help": option.help,
            }
            for option in network.options
        ],
    }
