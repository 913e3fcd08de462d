"""Bytes of weights and accuracy, on a console: the trade between them, and what passes do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from codegen.ir.report import CompressionStep, LayerTrade, Promotion, Trade

SHOWN_LAYERS = 3
"""Layers of a promotion that are named."""


def render_compression(steps: Sequence[CompressionStep], console: Console) -> None:
    """Print what each pass left of the weights, and of the accuracy."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for header in ("Weights", "Before", "After", "SQNR dB"):
        table.add_column(header, justify="left" if header == "Weights" else "right")
    for step in steps:
        ratio = "" if step.sqnr_db is None else f"{step.sqnr_db:.1f}"
        table.add_row(step.name, f"{step.before_bytes:,}", f"{step.after_bytes:,}", ratio)
    console.print(table)


def render_trade(trade: Trade, console: Console) -> None:
    """Print the form of each layer, what it and others cost, and what more bytes would gain."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="")
    table.add_column("Layer")
    table.add_column("Weights")
    table.add_column("Bytes", justify="right")
    table.add_column("dB of each form alone")
    for layer in trade.layers:
        name = Text(layer.layer, no_wrap=True, overflow="ellipsis")
        table.add_row(name, layer.form, f"{layer.weights_bytes:,}", trials(layer))
    console.print(table)
    console.print()
    console.print(
        Text(
            f"{trade.weights_bytes:,} of {trade.first_bytes:,} bytes of weights;"
            f" SQNR {trade.sqnr_db:.1f} dB of {trade.first_db:.1f} dB,"
            f" {trade.expected_db:.1f} dB by the sum of layers"
        )
    )
    for line in map(promotion_words, trade.promotions):
        console.print(Text(line))


def trials(layer: LayerTrade) -> str:
    """Return what forms make of a layer, those without noise left out."""
    found = [f"{t.form} {t.sqnr_db:.1f}" for t in layer.trials if t.sqnr_db is not None]
    return ", ".join(found) or "-"


def promotion_words(promotion: Promotion) -> str:
    """Return what a promotion gains.

    >>> promotion_words(Promotion(("conv1", "dense"), 6.1, 3104))
    'promote 2 layers: +6.1 dB, +3,104 bytes (conv1, dense)'
    """
    count = len(promotion.layers)
    return (
        f"promote {count} layer{'' if count == 1 else 's'}: {promotion.gain_db:+.1f} dB,"
        f" {promotion.bytes:+,} bytes ({', '.join(_shown(promotion))})"
    )


def _shown(promotion: Promotion) -> Iterator[str]:
    yield from promotion.layers[:SHOWN_LAYERS]
    others = len(promotion.layers) - SHOWN_LAYERS
    if others > 0:
        yield f"{others} more"
