"""The emulator's DSP instructions do what the Arm architecture says: kernels rely on them.

A network of inline assembly computes each of them on three operands; Python says what is right.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from codegen.ir.interface import Interface, Port
from codegen.targets import load_target
from codegen.toolchain import build_target, emulate
from tests.toolchain.toy_network import needs_target_tools

pytestmark = needs_target_tools

Meaning = Callable[[int, int, int], int]


def signed(x: int, bits: int = 32) -> int:
    """The low `bits` of x as a signed integer."""
    x &= (1 << bits) - 1
    return x - (1 << bits) if x >> (bits - 1) else x


def clamp(x: int, low: int, high: int) -> int:
    return max(low, min(high, x))


def halves(x: int) -> tuple[int, int]:
    """The signed bottom and top halfwords."""
    return signed(x, 16), signed(x >> 16, 16)


def bytes_of(x: int) -> list[int]:
    """The four signed bytes, lowest first."""
    return [signed(x >> (8 * i), 8) for i in range(4)]


def pack(bottom: int, top: int) -> int:
    return (bottom & 0xFFFF) | (top & 0xFFFF) << 16


def dual(x: int, y: int) -> int:
    """Sum of the products of the halfwords."""
    (xb, xt), (yb, yt) = halves(x), halves(y)
    return xb * yb + xt * yt


def swap(x: int) -> int:
    return pack(x >> 16, x)


def high(product: int) -> int:
    return product >> 32


def rotated(x: int, by: int) -> int:
    x &= 0xFFFFFFFF
    return x >> by | x << (32 - by)


def pack_bytes(values: list[int]) -> int:
    return sum((v & 0xFF) << (8 * i) for i, v in enumerate(values))


INSTRUCTIONS: tuple[tuple[str, Meaning], ...] = (
    ("smlad %0, %1, %2, %3", lambda a, b, c: dual(a, b) + c),
    ("smladx %0, %1, %2, %3", lambda a, b, c: dual(a, swap(b)) + c),
    ("smuad %0, %1, %2", lambda a, b, c: dual(a, b)),
    (
        "smlsd %0, %1, %2, %3",
        lambda a, b, c: halves(a)[0] * halves(b)[0] - halves(a)[1] * halves(b)[1] + c,
    ),
    ("smlabb %0, %1, %2, %3", lambda a, b, c: halves(a)[0] * halves(b)[0] + c),
    ("smlatb %0, %1, %2, %3", lambda a, b, c: halves(a)[1] * halves(b)[0] + c),
    ("smlabt %0, %1, %2, %3", lambda a, b, c: halves(a)[0] * halves(b)[1] + c),
    ("smultt %0, %1, %2", lambda a, b, c: halves(a)[1] * halves(b)[1]),
    ("smlawb %0, %1, %2, %3", lambda a, b, c: (a * halves(b)[0] >> 16) + c),
    ("smulwt %0, %1, %2", lambda a, b, c: a * halves(b)[1] >> 16),
    ("smmul %0, %1, %2", lambda a, b, c: high(a * b)),
    ("smmulr %0, %1, %2", lambda a, b, c: high(a * b + 2**31)),
    ("smmla %0, %1, %2, %3", lambda a, b, c: high((c << 32) + a * b)),
    ("smmlar %0, %1, %2, %3", lambda a, b, c: high((c << 32) + a * b + 2**31)),
    ("smmls %0, %1, %2, %3", lambda a, b, c: high((c << 32) - a * b)),
    ("sxtb16 %0, %1", lambda a, b, c: pack(bytes_of(a)[0], bytes_of(a)[2])),
    ("sxtb16 %0, %1, ror #8", lambda a, b, c: pack(bytes_of(a)[1], bytes_of(a)[3])),
    ("uxtb16 %0, %1, ror #16", lambda a, b, c: rotated(a, 16) & 0x00FF00FF),
    (
        "sxtab16 %0, %1, %2",
        lambda a, b, c: pack(halves(a)[0] + bytes_of(b)[0], halves(a)[1] + bytes_of(b)[2]),
    ),
    ("sxtab %0, %1, %2", lambda a, b, c: a + bytes_of(b)[0]),
    ("pkhbt %0, %1, %2, lsl #16", lambda a, b, c: pack(a, b)),
    ("pkhtb %0, %1, %2, asr #16", lambda a, b, c: pack(b >> 16, a >> 16)),
    ("ssat %0, #8, %1", lambda a, b, c: clamp(a, -128, 127)),
    ("ssat %0, #8, %1, asr #12", lambda a, b, c: clamp(a >> 12, -128, 127)),
    ("usat %0, #8, %1", lambda a, b, c: clamp(a, 0, 255)),
    ("ssat16 %0, #8, %1", lambda a, b, c: pack(*(clamp(h, -128, 127) for h in halves(a)))),
    ("usat16 %0, #7, %1", lambda a, b, c: pack(*(clamp(h, 0, 127) for h in halves(a)))),
    ("qadd %0, %1, %2", lambda a, b, c: clamp(a + b, -(2**31), 2**31 - 1)),
    ("qsub %0, %1, %2", lambda a, b, c: clamp(a - b, -(2**31), 2**31 - 1)),
    (
        "qadd16 %0, %1, %2",
        lambda a, b, c: pack(
            *(clamp(x + y, -32768, 32767) for x, y in zip(halves(a), halves(b), strict=True))
        ),
    ),
    (
        "qadd8 %0, %1, %2",
        lambda a, b, c: pack_bytes(
            [clamp(x + y, -128, 127) for x, y in zip(bytes_of(a), bytes_of(b), strict=True)]
        ),
    ),
    (
        "sadd16 %0, %1, %2",
        lambda a, b, c: pack(halves(a)[0] + halves(b)[0], halves(a)[1] + halves(b)[1]),
    ),
    (
        "ssub8 %0, %1, %2\n\tsel %0, %1, %2",
        lambda a, b, c: pack_bytes(
            [max(x, y) for x, y in zip(bytes_of(a), bytes_of(b), strict=True)]
        ),
    ),
    (
        "usada8 %0, %1, %2, %3",
        lambda a, b, c: (
            sum(abs((x & 255) - (y & 255)) for x, y in zip(bytes_of(a), bytes_of(b), strict=True))
            + c
        ),
    ),
    ("mla %0, %1, %2, %3", lambda a, b, c: a * b + c),
    (
        "sdiv %0, %1, %2",
        lambda a, b, c: int(abs(a) // abs(b)) * (-1) ** ((a < 0) ^ (b < 0)) if b else 0,
    ),
    ("sbfx %0, %1, #5, #9", lambda a, b, c: signed(a >> 5, 9)),
    ("cmp %1, %2\n\tite gt\n\tmovgt %0, %3\n\tmovle %0, %1", lambda a, b, c: c if a > b else a),
    ("smull %0, %2, %1, %2", lambda a, b, c: a * b),
    ("smull %1, %0, %1, %2", lambda a, b, c: high(a * b)),
    ("smlald %3, %2, %1, %2\n\tmov %0, %3", lambda a, b, c: dual(a, b) + (c & 0xFFFFFFFF)),
)
"""Assembly with %0 the result and %1, %2, %3 the operands a, b, c; and the result, modulo 2^32."""

EXTREMES = (0, 1, -1, 127, -128, 2**31 - 1, -(2**31), 0x7FFF7FFF, -0x7FFF8000, 0x00800080)


def operands() -> np.ndarray:
    """Triples: all of the extremes two by two, and random ones; (N, 3) int32."""
    source = random.Random(3)
    pairs = itertools.product(EXTREMES, EXTREMES)
    triples = [(a, b, source.choice(EXTREMES)) for a, b in pairs]
    triples += [tuple(signed(source.getrandbits(32)) for _ in range(3)) for _ in range(60)]
    return np.array(triples, np.int64).astype(np.int32)


def source_text() -> str:
    """A network `dsp` with input a, b, c and an output word for each instruction."""
    lines = ["#include <stdint.h>", "#include <string.h>"]
    for index, (assembly, _) in enumerate(INSTRUCTIONS):
        text = assembly.replace("\n", "\\n").replace("\t", "\\t")
        lines += [
            f"static __attribute__((noinline)) int32_t f{index}(int32_t a, int32_t b, int32_t c)",
            "{ int32_t r;",
            f'  __asm__("{text}" : "=&r"(r), "+r"(a), "+r"(b), "+r"(c) : : "cc"); return r; }}',
        ]
    lines += [
        "int8_t *dsp_input(void *arena) { return arena; }",
        "const int8_t *dsp_output(const void *arena) { return (const int8_t *)arena + 12; }",
        "void dsp_invoke(void *arena) { int32_t *w = arena;",
        *(f"  w[{3 + i}] = f{i}(w[0], w[1], w[2]);" for i in range(len(INSTRUCTIONS))),
        "}",
        "void dsp_run(void *a, const int8_t *x, int8_t *y)",
        "{ memcpy(a, x, 12); dsp_invoke(a); memcpy(y, a, 4); }",
    ]
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("core", ["cortex-m4", "cortex-m7", "cortex-m33"])
def test_instructions(core: str, tmp_path: Path) -> None:
    (tmp_path / "dsp.c").write_text(source_text())
    (tmp_path / "dsp_weights.c").write_text("extern const char dsp_none;\n")
    words = len(INSTRUCTIONS)
    ports = (Port("x", (12,), 1.0, 0),), (Port("y", (4 * words,), 1.0, 0),)
    interface = Interface("dsp", *ports, 12 + 4 * words, 4)
    triples = operands()
    build = build_target(tmp_path, interface, load_target(core), tmp_path)
    run = emulate(build, [triples.view(np.int8).reshape(-1, 12)], count=True)
    found = run.outputs[0].view(np.int32)
    wrong = {}
    for index, (assembly, meaning) in enumerate(INSTRUCTIONS):
        for triple, result in zip(triples.tolist(), found[:, index].tolist(), strict=True):
            if result != signed(meaning(*triple)):
                wrong.setdefault(assembly, (triple, result, signed(meaning(*triple))))
    assert wrong == {}
