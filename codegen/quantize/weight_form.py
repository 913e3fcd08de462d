"""Weight forms: which integers the weights of a layer may be, and how they are stored then."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np

from codegen.ir.coding import Coding, coded_bytes, fits
from codegen.ir.types import Array

LEVELS = {8: (-127, 127), 4: (-8, 7), 2: (-2, 1)}
"""The least and the greatest integer of so many bits; those of 8 bits are symmetric."""
SIGNS = (-1, 1)
"""The integers of one bit."""
BITS = (8, 4, 2, 1)
HUFFMAN = Coding("huffman")
HUFFMAN_SHARE = 0.95
"""Bytes of a Huffman code are at most this part of those of another coding."""


@dataclass(frozen=True, slots=True)
class WeightForm:
    """Which integers a layer's weights may be.

    Those of `bits` (8, 4, 2, or 1: -1 and 1), a codebook of 2**`codebook` of them (0: none), of
    which `density` is the part that is not zero. `huffman`: they are to be stored in a Huffman
    code, where that is shorter, though it takes longer to read.
    """

    bits: int = 8
    codebook: int = 0
    density: float = 1.0
    huffman: bool = False

    @property
    def coding(self) -> Coding | None:
        """How such weights are stored if nothing is known of them: None is a byte each.

        >>> WeightForm(bits=4).coding, WeightForm().coding
        (Coding(kind='bits', bits=4), None)
        """
        if self.huffman:
            return HUFFMAN
        if self.codebook:
            return Coding("codebook", self.codebook)
        if self.bits < 8:
            return Coding("bits", self.bits)
        return HUFFMAN if self.density < 1 else None

    def coding_of(self, data: Array) -> Coding | None:
        """Return how int8 weights of this form are stored; None where they do not fit its coding.

        Weights of a codebook or with many zeros may have a Huffman code instead. That takes longer
        to read, so it has to save a share.
        """
        coding = self.coding
        if coding is None or not fits(data, coding):
            return None
        if self.codebook or self.density < 1:
            most = HUFFMAN_SHARE * coded_bytes(data, coding)
            return HUFFMAN if coded_bytes(data, HUFFMAN) <= most else coding
        return coding

    @property
    def plain(self) -> WeightForm:
        """The same integers, stored without a code."""
        return replace(self, huffman=False)

    @property
    def is_coarse(self) -> bool:
        """The levels are so few that scales are to be fitted to them."""
        return self.bits < 8 or self.codebook > 0

    @property
    def levels(self) -> Array:
        """The integers of `bits`, in order."""
        if self.bits == 1:
            return np.array(SIGNS)
        least, greatest = LEVELS[self.bits]
        return np.arange(least, greatest + 1)

    def __str__(self) -> str:
        """The form in words.

        >>> str(WeightForm(huffman=True)), str(WeightForm(codebook=6, density=0.3))
        ('int8, Huffman', 'codebook of 64, 30 % dense')
        """
        kind = {1: "binary"}.get(self.bits, f"int{self.bits}")
        parts = [f"codebook of {2**self.codebook}" if self.codebook else kind]
        if self.density < 1:
            parts.append(f"{self.density:.0%} dense".replace("%", " %"))
        if self.huffman:
            parts.append("Huffman")
        return ", ".join(parts)


INT8 = WeightForm()
NO_FORMS: Mapping[str, WeightForm] = MappingProxyType({})
"""All layers of 8 bits."""
