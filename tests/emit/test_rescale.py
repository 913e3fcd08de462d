"""The rescale of the runtime, with 64-bit products and without, is the one rounding."""

from __future__ import annotations

import itertools
import subprocess
from pathlib import Path

import numpy as np
import pytest

from codegen.emit.c import environment
from codegen.ir.fixed_point import INT32_MAX, Rescale
from codegen.toolchain.tools import host_compiler, run_tool

ACCUMULATORS = (0, 1, -1, 32767, -32768, 65535, 65536, -65537, INT32_MAX, -INT32_MAX)
MULTIPLIERS = (1, 2, 0x7FFF, 0x8000, 0xFFFF, 0x10000, 0x7FFF0000, 0x7FFFFFFF)

MAIN = """
#include <stdint.h>
#include <stdio.h>
{runtime}
int main(void)
{{
    const fx_output to = {{ 1, -3, -128, 127 }};
    int32_t a, b;
    while (scanf("%d %d", &a, &b) == 2) {{
        printf("%d\\n", fx_rescale(a, b, &to));
    }}
    return 0;
}}
"""


@pytest.mark.parametrize("flags", [(), ("-D__ARM_ARCH_6M__",)], ids=["64-bit", "32-bit"])
def test_rescale_rounds_once_half_up(flags: tuple[str, ...], tmp_path: Path) -> None:
    runtime = environment().get_template("runtime/rescale.h.j2").render(inline="static inline")
    source, program = tmp_path / "main.c", tmp_path / "main"
    source.write_text(MAIN.format(runtime=runtime))
    sanitizer = "-fsanitize=undefined" if "gcc" in host_compiler().kind else "-O1"
    run_tool((*host_compiler().c, "-std=gnu99", sanitizer, *flags, "-o", program, source))
    pairs = operands()
    text = "\n".join(f"{a} {b}" for a, b in pairs)
    done = subprocess.run([program], input=text, capture_output=True, text=True, check=True)
    accumulators, multipliers = np.array(pairs).T
    expected = [
        int(Rescale((int(b),), 0, -3, -128, 127).apply(np.array([[a]])).item())
        for a, b in zip(accumulators, multipliers, strict=True)
    ]
    assert done.stderr == ""
    assert list(map(int, done.stdout.split())) == expected
    assert len(set(expected)) > 200


def operands() -> list[tuple[int, int]]:
    """Extremes, random ones, and those whose results are near halves and within int8."""
    rng = np.random.default_rng(0)
    pairs = list(itertools.product(ACCUMULATORS, MULTIPLIERS))
    for _ in range(2000):
        a = int(rng.integers(-INT32_MAX, INT32_MAX + 1)) >> int(rng.integers(0, 24))
        halves = int(2 * rng.integers(-128, 128) + 1) << 31
        near = abs(halves // a) if a else 1
        b = min(max(near + int(rng.integers(-1, 2)), 1), INT32_MAX)
        pairs.append((a, b))
    return pairs
