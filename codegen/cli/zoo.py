"""codegen zoo: the networks that come with codegen."""

from __future__ import annotations

import json

import click

from codegen import zoo as networks
from codegen.cli.console import stdout


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print the networks as JSON.")
def zoo(as_json: bool) -> None:
    """List the networks that can be given by name, with their options."""
    if as_json:
        click.echo(json.dumps([_to_json(network) for network in networks.NETWORKS], indent=2))
        return
    console = stdout()
    for network in networks.NETWORKS:
        console.print(f"[bold]{network.name}[/bold]  {network.title}; {network.paper}")
        for option in network.options:
            console.print(f"  --{option.name:12} {option.help}; default {option.default}")
        console.print("  --weights      parameters from an .npz or .onnx file; default random")


def _to_json(network: networks.Network) -> dict[str, object]:
    return {
        "name": network.name,
        "title": network.title,
        "paper": network.paper,
        "options": [
            {
                "name": option.name,
                "type": option.type.__name__,
                "default": option.default,
                "help": option.help,
            }
            for option in network.options
        ],
    }
