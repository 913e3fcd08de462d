"""Testbenches of a network in hardware, and the frames and outputs that they read."""

from __future__ import annotations

from collections.abc import Sequence

from codegen.emit.c import environment
from codegen.emit.rtl.memory_image import to_hex
from codegen.emit.rtl.streams import Streams, frame_words, output_words
from codegen.ir.types import Array

BANKS = 2


def verilator_testbench(
    name: str, streams: Streams, bank_words: int = 0, observed: Sequence[str] = ()
) -> str:
    """Return a testbench in C++.

    It mirrors the arena of a design with banks of so many words, or writes down what goes over
    the `observed` streams of bytes between layers.
    """
    return (
        environment()
        .get_template("rtl/tb_verilator.cpp.j2")
        .render(
            name=name,
            simd=streams.simd,
            weights=streams.weights,
            bank_bits=max(bank_words - 1, 0).bit_length(),
            arena_bytes=BANKS * streams.simd * bank_words,
            observed=observed,
            inside=bool(bank_words or observed),
        )
    )


def verilog_testbench(name: str, streams: Streams, frames: int) -> str:
    """Return a testbench in plain Verilog that runs so many frames."""
    return (
        environment()
        .get_template("rtl/tb.v.j2")
        .render(
            name=name,
            simd=streams.simd,
            weights=streams.weights,
            words_in=streams.words_in,
            words_out=streams.words_out,
            frames=frames,
            in_bits=streams.in_bits,
            out_bits=streams.out_bits,
        )
    )


def stream_images(name: str, streams: Streams, inputs: Array, outputs: Array) -> dict[str, str]:
    """Return file name -> text of what goes in, and of what must come out, a row a frame."""
    return {
        f"{name}_frames.hex": to_hex(frame_words(streams, inputs), streams.in_bits),
        f"{name}_expected.hex": to_hex(output_words(streams, outputs), streams.out_bits),
    }
