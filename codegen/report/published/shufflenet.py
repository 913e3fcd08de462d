"""The tables of the ShuffleNet paper: Zhang et al., 2017, arXiv 1707.01083."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import mean

from codegen.report.published.counts import conv_macs, macs
from codegen.report.published.figure import DIGITS, Bench, Figure, Ours, Table, Verdict, of

ALEXNET_MS = (184.0, 1156.7, 3633.9)
SHUFFLENET_MS = (15.2, 87.4, 260.1)
"""Times at 224 x 224, 480 x 640 and 720 x 1280 that the paper measured, ShuffleNet 0.5x."""
ALEXNET_COMPLEXITY = 720
SHUFFLENET_COMPLEXITY = 40
"""MFLOPs of AlexNet and of the class of ShuffleNet 0.5x, as the paper rounds them."""


def spec(groups: int, scale: str = "1.0") -> str:
    """Return a ShuffleNet of the zoo."""
    return f"shufflenet_v1:groups={groups},scale={scale}"


def scales() -> Iterator[Figure]:
    """Yield the complexity of scaled networks."""
    rows: tuple[tuple[str, int, str, str, Verdict, str], ...] = (
        ("0.5x g=3", 3, "0.5", "38M", "agrees", ""),
        ("0.5x g=4", 4, "0.5", "38M", "differs", "38M is the class of complexity"),
        ("0.5x g=8", 8, "0.5", "38M", "agrees", "without the dense layer"),
        ("0.25x g=8", 8, "0.25", "13M", "differs", "13M is the class of complexity"),
        ("0.25x g=3", 3, "0.25", "13M", "agrees", "without the dense layer"),
        ("1.5x g=3", 3, "1.5", "292M", "agrees", ""),
        ("2x g=3", 3, "2.0", "524M", "agrees", ""),
    )
    for network, groups, scale, printed, verdict, note in rows:
        figure = conv_macs if note == "without the dense layer" else macs
        ours = of(spec(groups, scale), figure)
        yield Figure(network, "complexity", printed, ours, verdict=verdict, note=note)


def speedup(_: Bench) -> float:
    """Return how many times faster than AlexNet ShuffleNet was, on average."""
    pairs = zip(ALEXNET_MS, SHUFFLENET_MS, strict=True)
    return mean(alexnet / shufflenet for alexnet, shufflenet in pairs)


T1 = Table(
    "ShuffleNet T1",
    "ShuffleNet, table 1: groups",
    "Multiply-accumulates of convolutions, without the dense layer. A unit's bottleneck has a"
    " quarter of its channels; the first 1x1 convolution of stage 2 has no groups.",
    tuple(
        Figure(f"1x g={groups}", "complexity", printed, of(spec(groups), conv_macs))
        for groups, printed in ((1, "143M"), (2, "140M"), (3, "137M"), (4, "133M"), (8, "137M"))
    ),
)
T2_T6 = Table(
    "ShuffleNet T2-T6",
    "ShuffleNet, tables 2 to 6: scales",
    "Multiply-accumulates of convolutions and the dense layer, unless a row says otherwise.",
    (
        Figure(
            "1x g=8 (T4/T5)",
            "complexity",
            "140M",
            of(spec(8), macs),
            verdict="differs",
            note="table 1 prints 137 for this network; 140M is the class of complexity",
        ),
        *scales(),
    ),
)
T6 = Table(
    "ShuffleNet T6",
    "ShuffleNet, table 6: its peers",
    "Multiply-accumulates of convolutions and dense layers; VGG-16 without dense layers.",
    (
        Figure("SqueezeNet", "complexity", "833M", of("squeezenet", macs)),
        Figure("VGG-16", "complexity", "15300M", of("vgg16", conv_macs), rounding=DIGITS),
        Figure("AlexNet", "complexity", "720M", of("alexnet", macs), rounding=DIGITS),
        Figure(
            "GoogleNet",
            "complexity",
            "1500M",
            of("googlenet", macs),
            verdict="differs",
            note="the sum of the GoogLeNet paper's column is about 1500M",
        ),
    ),
)
T5 = Table(
    "ShuffleNet T5",
    "ShuffleNet, table 5: variants",
    "Not derivable.",
    (
        Figure(
            "0.5x shallow g=3",
            "complexity",
            "40M",
            verdict="not derivable",
            note="half of the units, wider by a factor that the paper does not give",
        ),
        Figure(
            "2x +SE",
            "complexity",
            "527M",
            verdict="not derivable",
            note="the paper does not give the reduction in the squeeze-and-excitation blocks",
        ),
    ),
)
T8 = Table(
    "ShuffleNet T8",
    "ShuffleNet, table 8: measured against AlexNet",
    "The mean of the ratios of measured times.",
    (
        Figure(
            "actual speedup vs AlexNet, 0.5x",
            "x",
            "13",
            Ours("the paper's times", speedup),
            "224/480x640/720x1280",
        ),
    ),
)
THEORY = Table(
    "ShuffleNet",
    "ShuffleNet: the ratio of complexities",
    "Complexities as the paper rounds them.",
    (
        Figure(
            "theory",
            "speedup 18x",
            "18",
            Ours("720 / 40", lambda _: ALEXNET_COMPLEXITY / SHUFFLENET_COMPLEXITY),
        ),
    ),
)
SHUFFLENET_TABLES = (T1, T2_T6, T5, T6, T8, THEORY)
