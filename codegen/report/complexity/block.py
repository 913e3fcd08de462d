"""The depthwise separable block: what it costs against the convolution that it stands for.

Howard et al., "MobileNets", 2017, arXiv 1704.04861, section 3 and table 3.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from codegen.errors import BadOption
from codegen.report.complexity.layers import IN_PLACE, Kind, Layer, Structure

ALPHA = 0.75
RHO = 0.714
"""The multipliers of the paper's table: of the channels, and of the resolution."""


@dataclass(frozen=True, slots=True)
class Block:
    """A k x k convolution of `inputs` channels into `filters`, `height` x `width` pixels out."""

    kernel: tuple[int, ...]
    inputs: int
    filters: int
    height: int
    width: int

    def scaled(self, alpha: float, rho: float) -> Block:
        """Return the block with alpha times the channels and rho times the pixels a side."""
        channels = (max(1, round(alpha * count)) for count in (self.inputs, self.filters))
        sides = (max(1, round(rho * side)) for side in (self.height, self.width))
        return Block(self.kernel, *channels, *sides)

    @property
    def standard_parameters(self) -> int:
        """The weights of the convolution that filters and combines in one step."""
        return math.prod(self.kernel) * self.inputs * self.filters

    @property
    def separable_parameters(self) -> int:
        """The weights of a depthwise convolution, and of a 1x1 convolution that combines."""
        return math.prod(self.kernel) * self.inputs + self.inputs * self.filters


@dataclass(frozen=True, slots=True)
class Variant:
    """One form of a block; `reduction` says how many times fewer MACs than the convolution."""

    name: str
    block: Block
    macs: int
    parameters: int
    reduction: float


@dataclass(frozen=True, slots=True)
class Study:
    """The forms of the block that begins with a layer; schema "codegen.block/1"."""

    model: str
    layer: str
    alpha: float
    rho: float
    variants: tuple[Variant, ...]


def study_block(
    structure: Structure, layer_name: str, alpha: float = ALPHA, rho: float = RHO
) -> Study:
    """Return what the block at a convolution costs as a convolution, separable, and scaled.

    A depthwise layer stands for its block with the 1x1 convolution behind it. Multipliers add up:
    the last row has both. Raises BadOption where there is no such layer.
    """
    for name, value in (("alpha", alpha), ("rho", rho)):
        if not (math.isfinite(value) and value > 0):
            raise BadOption(f"--block-{name} {value:g} is no positive number")
    block = find_block(structure, layer_name)
    full = block.standard_parameters * block.height * block.width
    forms = (
        ("convolution", block, block.standard_parameters),
        ("depthwise separable", block, block.separable_parameters),
        *_scaled_forms(block, alpha, rho),
    )
    variants = (
        Variant(name, form, parameters * form.height * form.width, parameters, 1.0)
        for name, form, parameters in forms
    )
    compared = tuple(
        Variant(v.name, v.block, v.macs, v.parameters, full / v.macs) for v in variants
    )
    return Study(structure.name, layer_name, alpha, rho, compared)


def find_block(structure: Structure, layer_name: str) -> Block:
    """Return the block that the layer of that name begins; BadOption lists where blocks begin."""
    blocks = dict(_find_blocks(structure))
    if layer_name in blocks:
        return blocks[layer_name]
    names = ", ".join(blocks) or "none"
    raise BadOption(
        f"'{layer_name}' begins no block in {structure.name}",
        hint=f"name a convolution larger than 1x1; there are: {names}",
    )


def _scaled_forms(block: Block, alpha: float, rho: float) -> Iterator[tuple[str, Block, int]]:
    for name, form in (
        (f"alpha {alpha:g}", block.scaled(alpha, 1)),
        (f"alpha {alpha:g}, rho {rho:g}", block.scaled(alpha, rho)),
    ):
        yield name, form, form.separable_parameters


def _find_blocks(structure: Structure) -> Iterator[tuple[str, Block]]:
    for layer in structure.layers:
        if layer.kind in (Kind.CONV_3X3, Kind.CONV) and len(layer.kernel) == 2:
            yield layer.name, _block(layer, layer.weight_shape[1], layer)
        elif layer.kind is Kind.DEPTHWISE and len(layer.kernel) == 2:
            combining = _following(structure, layer)
            if combining:
                yield layer.name, _block(layer, layer.channels, combining)


def _block(filtering: Layer, inputs: int, combining: Layer) -> Block:
    height, width = filtering.output_shape[-2:]
    return Block(filtering.kernel, inputs, combining.channels, height, width)


def _following(structure: Structure, layer: Layer) -> Layer | None:
    """Return the 1x1 convolution that alone reads the layer's output, after normalization."""
    values = set(layer.outputs)
    for candidate in structure.layers:
        if values & set(candidate.inputs):
            if candidate.kind is Kind.POINTWISE:
                return candidate
            if candidate.kind not in IN_PLACE:
                return None
            values.update(candidate.outputs)
    return None
