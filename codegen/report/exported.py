"""What an exported model holds, on a console: layers, formats, agreement with onnxruntime."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from codegen.ir.graph import Graph, Node
from codegen.ir.report import Calibration
from codegen.ir.types import TensorType
from codegen.quantize.layerwise import LayerDifference
from codegen.report.console import calibration_remark, count, grouped, shape


def render_export(
    graph: Graph, calibration: Calibration, layers: Sequence[LayerDifference], console: Console
) -> None:
    """Print each layer with its format, and how near onnxruntime is to it."""
    found = {layer.node.output: layer for layer in layers}
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("Layer", max_width=28)
    table.add_column("Output", no_wrap=True)
    table.add_column("Format", no_wrap=True)
    for header in ("Params", "Steps off", "Equal"):
        table.add_column(header, justify="right", no_wrap=True)
    for node in graph.nodes:
        kind = graph.types[node.output]
        name = Text(node.loc.node or node.output, no_wrap=True, overflow="ellipsis")
        cells = shape(kind.shape), format_text(kind), params_text(graph, node)
        table.add_row(name, *cells, *difference_cells(found.get(node.output)))
    console.print(Text.assemble("Scales  ", calibration_remark(calibration)))
    console.print(table)
    worst = max((layer.greatest for layer in layers), default=0)
    console.print(
        f"\nequal     read back: the same {count(len(graph.nodes), 'layer')}, integer by integer"
        f"\nnear      onnxruntime, layers fed equal inputs: at most {count(worst, 'step')} off"
    )


def format_text(kind: TensorType) -> str:
    """Return a value's element type, and its Q format or scale and zero point."""
    if kind.quant is None or kind.is_plain:
        return kind.dtype.value
    if kind.quant.q_format:
        return f"{kind.dtype.value} {kind.quant.q_format}"
    zero = f" {kind.quant.zero_point:+d}" if kind.quant.zero_point else ""
    return f"{kind.dtype.value} {kind.quant.scale:.6g}{zero}"


def params_text(graph: Graph, node: Node) -> str:
    """Return the number of constants that a layer reads."""
    total = sum(graph.types[name].elements for name in set(node.inputs) & graph.constants.keys())
    return grouped(total) if total else ""


def difference_cells(layer: LayerDifference | None) -> tuple[str, str]:
    """Return by how many steps onnxruntime is off at most, and how much is equal."""
    return ("", "") if layer is None else (str(layer.greatest), f"{layer.equal_share:.1%}")
