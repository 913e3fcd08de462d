"""The tables of the MobileNet v2 paper: Sandler et al., 2018, arXiv 1801.04381."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from codegen.report.complexity import Kind, Layer
from codegen.report.published.counts import (
    conv_macs,
    macs,
    macs_padded_to_rate,
    normalized_channels,
    weights,
    weights_and_biases,
    with_norms,
)
from codegen.report.published.figure import (
    TRUNCATED,
    TRUNCATED_DIGITS,
    Bench,
    Figure,
    Ours,
    Table,
    Verdict,
    of,
)

Count = Callable[[Sequence[Layer]], float]

WEIGHTS = "Multiply-accumulates of convolutions and dense layers; weights alone."
V1, V2 = "mobilenet_v1", "mobilenet_v2"
SHUFFLE_1_5 = "shufflenet_v1:groups=3,scale=1.5"
SHUFFLE_2 = "shufflenet_v1:groups=3,scale=2.0"
VALUE_BYTES = 2
KILOBYTE = 1000
SCALES = (0.5, 0.75, 1.0, 1.25, 1.5, 1.75)
SIDE = 513
FLIPS = 2
NOT_EXACTLY = "no way of counting gives the printed figure and that of the row that agrees"


def with_stored_norms(layers: Sequence[Layer]) -> int:
    """Return weights, biases, and three numbers of each normalized channel: no scale."""
    return weights_and_biases(layers) + 3 * normalized_channels(layers)


def widths() -> Iterator[Figure]:
    """Yield the rows of the authors' list of widths."""
    for width, printed_macs, printed_weights in (
        ("0.35", "59M", "1.66M"),
        ("0.5", "97M", "1.95M"),
        ("0.75", "209M", "2.61M"),
        ("1.3", "509M", "5.34M"),
    ):
        spec = f"{V2}:alpha={width}"
        yield Figure(f"MobileNetV2 {width}", "MAdds", printed_macs, of(spec, macs), "224")
        yield Figure(f"MobileNetV2 {width}", "params", printed_weights, of(spec, weights))


def largest(spec: str, side: int) -> Ours:
    """Return the kB of the largest 1x1 convolution's or pool's output of that side, in 16 bits."""

    def value(bench: Bench) -> float:
        kinds = (Kind.POINTWISE, Kind.AVERAGE_POOL)
        found = [
            layer.elements
            for layer in bench.layers(spec)
            if layer.kind in kinds and layer.output_shape[-1] == side
        ]
        return max(found) * VALUE_BYTES / KILOBYTE

    return Ours(f"`{spec}`, largest at {side}x{side}", value)


def of_shape(shape: str) -> Ours:
    """Return the kB of a value of the printed shape, in 16 bits."""
    height, width, channels = map(int, shape.split("x"))
    size = height * width * channels * VALUE_BYTES / KILOBYTE
    return Ours("the printed shape", lambda _: size)


def memory() -> Iterator[Figure]:
    """Yield the rows of the largest values."""
    for side, channels, printed in (
        (56, 128, "800"),
        (28, 256, "400"),
        (14, 512, "200"),
        (7, 1024, "199"),
        (1, 1024, "2"),
    ):
        shape = f"{side}x{side}x{channels}"
        typo = printed == "199"
        yield Figure(
            "MobileNetV1",
            "kB",
            printed,
            largest(V1, side),
            shape,
            TRUNCATED_DIGITS,
            "misprint" if typo else "agrees",
            "100: the figure above, copied" if typo else "",
        )
    yield streamed("MobileNetV1")
    yield from printed_shapes(
        "MobileNetV2",
        (
            ("56x56x32", "200"),
            ("28x28x64", "100"),
            ("14x14x160", "62"),
            ("7x7x320", "32"),
            ("1x1x1280", "2"),
        ),
    )
    yield streamed("MobileNetV2")
    note = "400, 800 and 1600 are twice the channels of two groups; with three it is 480, 960, 1920"
    yield from printed_shapes(
        "ShuffleNet (2x,g=3)",
        (
            ("56x56x48", "300"),
            ("28x28x400", "600"),
            ("14x14x800", "310"),
            ("7x7x1600", "156"),
            ("1x1x1600", "3"),
        ),
        note,
    )
    yield streamed("ShuffleNet (2x,g=3)")


def printed_shapes(
    network: str, rows: tuple[tuple[str, str], ...], note: str = ""
) -> Iterator[Figure]:
    """Yield rows whose values have the printed shapes."""
    for shape, printed in rows:
        off = shape == "7x7x320"
        verdict: Verdict = "differs" if off else "agrees"
        remark = "31.36, which the table truncates elsewhere" if off else ""
        yield Figure(
            network,
            "kB",
            printed,
            of_shape(shape),
            shape,
            TRUNCATED_DIGITS,
            verdict,
            remark or (note if shape.endswith("00") else ""),
        )


def streamed(network: str) -> Figure:
    """Return the first row, for which the paper assumes that nothing is stored."""
    note = "taken as computed and consumed at once; a later version prints 1600, 400 and 800 kB"
    return Figure(network, "kB", "1/O(1)", None, "112x112", verdict="not derivable", note=note)


def greatest_printed(_: Bench) -> str:
    """Return the greatest printed entry of each network."""
    rows: dict[str, list[int]] = {}
    for figure in memory():
        if figure.printed.isdecimal():
            rows.setdefault(figure.network, []).append(int(figure.printed))
    return "/".join(str(max(entries)) for entries in rows.values())


def segmentation() -> Iterator[Figure]:
    """Yield the rows of DeepLab v3."""
    for network, spec, params, once, often in (
        ("MNet V2* no ASPP", "deeplab_v3", "2.11M", "2.75B", "152.6B"),
        ("MNet V2* ASPP", "deeplab_v3:aspp=yes", "4.52M", "5.8B", "387B"),
        (
            "MNet V1 ASPP",
            "deeplab_v3:backbone=mobilenet_v1,aspp=yes",
            "11.15M",
            "14.25B",
            "941.9B",
        ),
    ):
        verdict: Verdict = "agrees" if once == "5.8B" else "differs"
        note = "" if verdict == "agrees" else NOT_EXACTLY
        yield Figure(network, "params", params, of(spec, with_norms), "OS16, 513x513")
        for printed, ours, form in (
            (once, of(spec, macs_padded_to_rate), "OS16"),
            (often, scaled(spec), "OS8 + multi-scale + flip"),
        ):
            yield Figure(network, "MAdds", printed, ours, form, verdict=verdict, note=note)


def scaled(spec: str) -> Ours:
    """Return the MACs at output stride 8 of six scales, each image and its mirror image."""
    joint = "," if ":" in spec else ":"

    def value(bench: Bench) -> float:
        sides = [round((SIDE - 1) * scale) + 1 for scale in SCALES]
        specs = [f"{spec}{joint}output_stride=8,resolution={side}" for side in sides]
        return FLIPS * sum(macs_padded_to_rate(bench.layers(each)) for each in specs)

    return Ours(f"`{spec}{joint}output_stride=8`, scales 0.5 to 1.75", value)


def detection() -> Iterator[Figure]:
    """Yield the rows of SSDLite and of detectors that the paper does not specify."""
    for network, spec, printed_macs, printed_weights in (
        ("MNet V1 + SSDLite", "ssdlite:backbone=mobilenet_v1", "1.3B", "5.1M"),
        ("MNet V2 + SSDLite", "ssdlite", "0.8B", "4.3M"),
    ):
        form = "320x320, 81 classes (80+background)"
        yield Figure(network, "MAdds", printed_macs, of(spec, conv_macs), form)
        yield Figure(network, "params", printed_weights, of(spec, weights))


def unspecified(networks: tuple[str, ...]) -> Iterator[Figure]:
    """Yield rows that the source does not let one derive."""
    for network in networks:
        note = "the source does not give the configuration"
        yield Figure(network, "all", "-", verdict="not derivable", note=note)


T4 = Table(
    "MobileNetV2 T4",
    "MobileNet v2, table 4: classification",
    WEIGHTS,
    (
        Figure("MobileNetV2 1.0", "MAdds", "300M", of(V2, macs), "224", TRUNCATED),
        Figure("MobileNetV2 1.0", "params", "3.4M", of(V2, weights), "", TRUNCATED),
        Figure(
            "MobileNetV1",
            "MAdds",
            "575M",
            of(V1, macs),
            verdict="differs",
            note="measured again by the paper; 569M in that of MobileNet v1",
        ),
        Figure("MobileNetV1", "params", "4.2M", of(V1, weights)),
        Figure(
            "MobileNetV2 1.4",
            "MAdds",
            "585M",
            of(f"{V2}:alpha=1.4", macs),
            "round to 8, last conv 1792",
            verdict="differs",
            note="582M in the authors' list",
        ),
        Figure(
            "MobileNetV2 1.4",
            "params",
            "6.9M",
            of(f"{V2}:alpha=1.4", weights),
            verdict="misprint",
            note="6.06M in the authors' list",
        ),
        Figure("ShuffleNet (1.5)", "MAdds", "292M", of(SHUFFLE_1_5, macs), "g=3"),
        Figure("ShuffleNet (1.5)", "params", "3.4M", of(SHUFFLE_1_5, weights)),
        Figure("ShuffleNet (x2)", "MAdds", "524M", of(SHUFFLE_2, macs), "g=3"),
        Figure("ShuffleNet (x2)", "params", "5.4M", of(SHUFFLE_2, weights)),
    ),
)
V1_V2 = Table(
    "MobileNetV2 v1-vs-v2",
    "MobileNet v1 against v2",
    f"{WEIGHTS} MobileNet v1's parameters are those of 1001 classes with biases, and with bias,"
    " mean and variance of each normalized channel.",
    (
        Figure("MobileNetV2", "params", "3.47M", of(V2, weights)),
        Figure("MobileNetV2", "MACs", "300M", of(V2, macs), "", TRUNCATED),
        Figure("MobileNetV1", "MACs", "569M", of(V1, macs)),
        Figure("MobileNetV1", "params", "4.24M", of(f"{V1}:classes=1001", with_stored_norms)),
    ),
)
WIDTHS = Table(
    "MobileNetV2 widths (TF model card from memory, from the TF model card)",
    "MobileNet v2: the authors' widths",
    f"{WEIGHTS} Channels are rounded to multiples of 8, never below 90 %.",
    tuple(widths()),
)
T3 = Table(
    "MobileNetV2 Table 3: max channels/memory (Kb)",
    "MobileNet v2, table 3: the largest values",
    "Height x width x channels x 2 bytes, in units of 1000, truncated. Shapes of MobileNet v2 and"
    " ShuffleNet are the printed ones: the networks do not have all of them.",
    (
        *memory(),
        Figure("max", "kB", "800/200/600", Ours("the greatest above", greatest_printed)),
    ),
)
T6_T7 = Table(
    "MobileNetV2 T6/T7",
    "MobileNet v2, tables 6 and 7: detection and segmentation",
    "SSDLite: convolutions, weights alone. DeepLab v3: MAdds of convolutions, the dilated ones of"
    " ASPP on a grid padded to a multiple of their rate, as space-to-batch computes them; weights,"
    " scale and bias of normalized channels, and the classifier's biases.",
    (
        *detection(),
        *segmentation(),
        *unspecified(("SSD300", "SSD512", "YOLOv2", "ResNet-101 DeepLab", "NasNet-A")),
    ),
)
MOBILENET_V2_TABLES = (T3, T4, V1_V2, WIDTHS, T6_T7)
