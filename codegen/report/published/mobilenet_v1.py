"""The tables of the MobileNet v1 paper: Howard et al., 2017, arXiv 1704.04861."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from codegen.report.complexity import Kind, study_block
from codegen.report.published.counts import (
    conv_macs,
    macs,
    share_of_macs,
    share_of_weights,
    weights,
    weights_and_biases,
)
from codegen.report.published.figure import (
    BETWEEN,
    DIGITS,
    TRUNCATED,
    Bench,
    Figure,
    Ours,
    Rounding,
    Table,
    of,
)

WEIGHTS = "MAdds are multiply-accumulates of convolutions and dense layers, parameters weights"
WEIGHTS += " alone: no biases, no batch normalization."
LAYER = "dw7"
"""The block of table 3: 3 x 3, 512 channels to 512, 14 x 14."""
SSD = "ssdlite:backbone=mobilenet_v1,style=ssd,resolution=300,classes=91"
SSD_PARAMETERS = "300, 91 classes, anchors 3,6,6,6,6,6, 1x1 predictors"
BLOCK_PARAMETERS = "Dk=3 M=N=512 Df=14 (10 for rho)"


def widths(rows: tuple[tuple[str, str, str, str], ...]) -> Iterator[Figure]:
    """Yield MAdds and parameters of rows: network, printed MAdds and parameters, multipliers."""
    for network, printed_macs, printed_weights, multipliers in rows:
        alpha, resolution = (part.partition("=")[2] for part in multipliers.split())
        spec = f"mobilenet_v1:alpha={alpha},resolution={resolution}"
        rounding = TRUNCATED if resolution == "160" else None
        yield Figure(network, "MAdds", printed_macs, of(spec, macs), multipliers, rounding)
        yield Figure(network, "params", printed_weights, of(spec, weights), multipliers)


def shares() -> Iterator[Figure]:
    """Yield the part of each kind of layer."""
    spec = "mobilenet_v1"
    for network, kind, printed_macs, printed_weights in (
        ("Conv 1x1", Kind.POINTWISE, "94.86", "74.59"),
        ("Conv DW 3x3", Kind.DEPTHWISE, "3.06", "1.06"),
        ("Conv 3x3", Kind.CONV_3X3, "1.19", "0.02"),
        ("Fully Connected", Kind.DENSE, "0.18", "24.33"),
    ):
        typo = kind is Kind.CONV_3X3
        yield Figure(
            network,
            "MAdds %",
            printed_macs,
            of(spec, partial(share_of_macs, kind)),
            verdict="misprint" if typo else "agrees",
            note="1.91 with its digits exchanged: now the shares make 100" if typo else "",
        )
        yield Figure(
            network, "params %", printed_weights, of(spec, partial(share_of_weights, kind))
        )


def block(network: str, form: int, printed_macs: str, printed_weights: str) -> Iterator[Figure]:
    """Yield the row of one form of the block."""

    def variant_macs(bench: Bench) -> float:
        return study_block(bench.structure("mobilenet_v1"), LAYER).variants[form].macs

    def variant_weights(bench: Bench) -> float:
        return study_block(bench.structure("mobilenet_v1"), LAYER).variants[form].parameters

    how = f"`mobilenet_v1 --block {LAYER}`"
    yield Figure(network, "MAdds", printed_macs, Ours(how, variant_macs), BLOCK_PARAMETERS)
    yield Figure(network, "params", printed_weights, Ours(how, variant_weights))


def reduction(bench: Bench) -> float:
    """Return how many times fewer MACs the separable block takes."""
    return study_block(bench.structure("mobilenet_v1"), LAYER).variants[1].reduction


def peer(
    network: str,
    metric: str,
    printed: str,
    ours: Ours,
    rounding: Rounding | None = None,
    note: str = "",
) -> Figure:
    """Return a figure of another network that the paper compares with."""
    return Figure(network, metric, printed, ours, "", rounding, note=note)


T6 = Table(
    "MobileNetV1 T6",
    "MobileNet v1, table 6: width multipliers",
    WEIGHTS,
    tuple(
        widths(
            (
                ("1.0 MobileNet-224", "569M", "4.2M", "alpha=1 res=224"),
                ("0.75 MobileNet-224", "325M", "2.6M", "alpha=0.75 res=224"),
                ("0.5 MobileNet-224", "149M", "1.3M", "alpha=0.5 res=224"),
                ("0.25 MobileNet-224", "41M", "0.5M", "alpha=0.25 res=224"),
            )
        )
    ),
)
T7 = Table(
    "MobileNetV1 T7",
    "MobileNet v1, table 7: resolutions",
    WEIGHTS,
    tuple(
        widths(
            (
                ("1.0 MobileNet-192", "418M", "4.2M", "alpha=1 res=192"),
                ("1.0 MobileNet-160", "290M", "4.2M", "alpha=1 res=160"),
                ("1.0 MobileNet-128", "186M", "4.2M", "alpha=1 res=128"),
            )
        )
    ),
)
T9 = Table(
    "MobileNetV1 T9",
    "MobileNet v1, table 9: a small MobileNet and its peers",
    f"{WEIGHTS} The peers' parameters include biases.",
    (
        *widths((("0.50 MobileNet-160", "76M", "1.32M", "alpha=0.5 res=160"),)),
        Figure(
            "Squeezenet",
            "MAdds",
            "1700M",
            Ours("2 x `squeezenet`", lambda bench: 2 * macs(bench.layers("squeezenet"))),
            verdict="inconsistent",
            note="operations, two a multiply-add, where other rows have multiply-adds",
        ),
        peer("Squeezenet", "params", "1.25M", of("squeezenet", weights_and_biases)),
        peer("AlexNet", "MAdds", "720M", of("alexnet", macs), DIGITS),
        peer("AlexNet", "params", "60M", of("alexnet", weights_and_biases), TRUNCATED),
    ),
)
T4 = Table(
    "MobileNetV1 T4",
    "MobileNet v1, table 4: full convolutions",
    f"{WEIGHTS} The MAdds leave out the dense layer.",
    (
        Figure("Conv MobileNet", "MAdds", "4866M", of("mobilenet_v1:convolution=full", conv_macs)),
        Figure("Conv MobileNet", "params", "29.3M", of("mobilenet_v1:convolution=full", weights)),
    ),
)
T5 = Table(
    "MobileNetV1 T5",
    "MobileNet v1, table 5: a shallow network",
    WEIGHTS,
    (
        Figure(
            "Shallow MobileNet",
            "MAdds",
            "307M",
            of("mobilenet_v1:shallow=yes", macs),
            "5 blocks 14x14x512 removed",
        ),
        Figure("Shallow MobileNet", "params", "2.9M", of("mobilenet_v1:shallow=yes", weights)),
    ),
)
T2 = Table(
    "MobileNetV1 T2",
    "MobileNet v1, table 2: what kinds of layers cost",
    "Parts of the MACs and weights of all convolutions and the dense layer, in percent.",
    tuple(shares()),
)
T3 = Table(
    "MobileNetV1 T3",
    "MobileNet v1, table 3: the separable block",
    "One block, `--block`: alpha 0.75 and rho 0.714 come one after the other.",
    (
        *block("Convolution", 0, "462M", "2.36M"),
        *block("Depthwise Separable Conv", 1, "52.3M", "0.27M"),
        *block("alpha=0.75", 2, "29.6M", "0.15M"),
        *block("rho=0.714", 3, "15.1M", "0.15M"),
    ),
)
REDUCTION = Table(
    "MobileNetV1",
    "MobileNet v1, section 3.1: what separating saves",
    "1 / (1 / N + 1 / Dk^2) for the block of table 3.",
    (
        Figure(
            "reduction",
            "1/N+1/Dk^2",
            "8 to 9 times",
            Ours(f"`mobilenet_v1 --block {LAYER}`", reduction),
            "3x3",
            BETWEEN,
        ),
    ),
)
T8 = Table(
    "MobileNetV1 T8",
    "MobileNet v1, table 8: its peers",
    "VGG-16 is counted without its dense layers, its parameters with biases.",
    (
        peer("VGG 16", "MAdds", "15300M", of("vgg16", conv_macs), DIGITS),
        peer("VGG 16", "params", "138M", of("vgg16", weights_and_biases)),
        Figure(
            "GoogleNet",
            "MAdds",
            "1550M",
            of("googlenet", macs),
            verdict="differs",
            note="the GoogLeNet paper's own column adds up to about 1500M",
        ),
        Figure(
            "GoogleNet",
            "params",
            "6.8M",
            of("googlenet", weights),
            verdict="differs",
            note="the sum of the GoogLeNet paper's column, 6.797M",
        ),
    ),
)
T13 = Table(
    "MobileNetV1 T13",
    "MobileNet v1, table 13: detection",
    "SSD as in the TensorFlow Object Detection API; weights, without the predictors' biases.",
    (
        Figure("SSD300 MobileNet", "MAdds", "1.2B", of(SSD, macs), SSD_PARAMETERS),
        Figure("SSD300 MobileNet", "params", "6.8M", of(SSD, weights)),
        *(
            Figure(
                network,
                "all",
                "-",
                verdict="not derivable",
                note="the source does not give heads and proposals",
            )
            for network in ("deeplab-VGG SSD", "InceptionV2 SSD", "Faster-RCNN rows")
        ),
    ),
)
MOBILENET_V1_TABLES = (T2, T3, REDUCTION, T4, T5, T6, T7, T8, T9, T13)
