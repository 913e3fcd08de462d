"""The comparison of classic networks by operations, activations and parameters."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from codegen.report.complexity import Complexity
from codegen.report.published.counts import MIB, size_mib, stored_mib, weights_and_biases
from codegen.report.published.figure import TRUNCATED, WITHIN, Bench, Figure, Ours, Table, of

METRICS: Mapping[str, Callable[[Complexity], float]] = {
    "macc": lambda network: network.total.macs,
    "comp": lambda network: network.total.comparisons,
    "add": lambda network: network.total.additions,
    "div": lambda network: network.total.divisions,
    "activation": lambda network: network.total.activations,
    "param": lambda network: network.total.parameters,
    "size_MiB": lambda network: network.size_bytes / MIB,
}
"""The columns, in their order."""


def rows(
    network: str,
    parameters: str,
    spec: str,
    printed: str,
    batch: int = 1,
    special: Mapping[str, Mapping[str, Any]] | None = None,
) -> Iterator[Figure]:
    """Yield a row's figures; `special` says what holds for a column besides."""
    for metric, text in zip(METRICS, printed.split(), strict=True):
        figure = Figure(network, metric, text, counted(spec, batch, metric), parameters)
        yield replace(figure, **(special or {}).get(metric, {}))


def counted(spec: str, batch: int, metric: str) -> Ours:
    """Return a network's total by netscope's rules."""
    times = "" if batch == 1 else f", batch {batch}"
    figure = METRICS[metric]
    return Ours(f"`{spec}`{times}", lambda bench: figure(bench.netscope(spec, batch)))


def without_last_mib(spec: str, last: str) -> Ours:
    """Return the size of a network's weights and biases without its classifier."""

    def value(bench: Bench) -> float:
        left = [layer for layer in bench.layers(spec) if layer.name != last]
        return size_mib(weights_and_biases(left))

    return Ours(f"`{spec}` without {last}", value)


def simplenet() -> Iterator[Figure]:
    """Yield the row of a network whose form for ImageNet is not public."""
    note = "its form for ImageNet was never published"
    printed = ("1.9G", "1.82M", "1.5M", "1.5M", "6.38M", "6.4M", "24.4")
    for metric, text in zip(METRICS, printed, strict=True):
        yield Figure("SimpleNet", metric, text, verdict="not derivable", note=note)


SIMPLENET_SIZE = Figure(
    "SimpleNet",
    "size_MiB",
    "24.4",
    Ours("the printed 6.4M parameters", lambda bench: size_mib(6.4e6)),
)

NETSCOPE_TABLE = Table(
    "netscope (MACC/COMP/ADD/DIV/Activations/Params/SIZE)",
    "Comparison of classic networks",
    "Counted by `--rules netscope`, at the batch given. Sizes are parameters x 4 bytes in units of"
    " 2^20 unless a row says otherwise.",
    (
        *(figure for figure in simplenet() if figure.metric != "size_MiB"),
        SIMPLENET_SIZE,
        *rows(
            "SqueezeNet",
            "input 227, conv10 pad 1 (15x15), batch 1",
            "squeezenet:conv10_pad=1",
            "861.34M 9.67M 226K 1.51M 12.58M 1.25M 4.7",
            special={
                "div": {
                    "verdict": "misprint",
                    "note": "a copy of the row above: only the softmax divides, 1K",
                },
                "size_MiB": {"rounding": TRUNCATED},
            },
        ),
        *rows(
            "Inception v4",
            "input 299, conv bias AND bn+scale, batch 1",
            "inception_v4:release=caffe",
            "12.27G 21.87M 53.42M 15.09M 72.56M 42.71M 163",
        ),
        *rows(
            "Inception v3",
            "input 299, no conv bias, bn+scale+relu nodes, batch 1",
            "inception_v3:last_pool=max",
            "5.72G 16.53M 25.94M 8.97M 41.33M 23.83M 91",
        ),
        *rows(
            "Inception-ResNet-v2",
            "input 299, 10/20/10 blocks, conv bias and bn+scale also on residual up-convs,"
            " 1001 classes, batch 1",
            "inception_resnet_v2:release=caffe",
            "13.18G 31.57M 38.81M 25.06M 117.8M 55.97M 214",
            special={
                "size_MiB": {
                    "ours": Ours("the printed 55.97M parameters", lambda _: size_mib(55.97e6)),
                    "note": "213.50 from the exact count",
                }
            },
        ),
        *rows(
            "ResNet-152",
            "input 224, batch 1",
            "resnet152",
            "11.3G 22.33M 35.27M 22.03M 100.11M 60.19M 230",
        ),
        *rows(
            "ResNet-50",
            "input 224, conv1 has bias, batch 1",
            "resnet50:conv1_bias=yes",
            "3.87G 10.89M 16.21M 10.59M 46.72M 25.56M 97.70",
            special={
                "size_MiB": {
                    "ours": of("resnet50:conv1_bias=yes", stored_mib),
                    "note": "the Caffe file: four numbers for each normalized channel",
                }
            },
        ),
        *rows(
            "AlexNet",
            "input 227, grouped convs, LRN counted, BATCH 10",
            "alexnet",
            "7.27G 17.69M 4.78M 9.55M 20.81M 60.97M 217.00",
            batch=10,
            special={
                "size_MiB": {
                    "ours": without_last_mib("alexnet", "fc8"),
                    "rounding": WITHIN,
                    "note": "the size of a model without its classifier",
                }
            },
        ),
        *rows(
            "GoogLeNet",
            "input 227, no aux heads, LRN counted, BATCH 10",
            "googlenet:resolution=227",
            "16.04G 161.07M 8.83M 16.64M 102.19M 7M 40",
            batch=10,
            special={
                "size_MiB": {
                    "verdict": "misprint",
                    "note": "neither the parameters (26.7) nor the Caffe file with auxiliary"
                    " classifiers (51.0)",
                }
            },
        ),
        *rows(
            "NIN",
            "input 227, BATCH 10, two softmax nodes (loss + accuracy path)",
            "nin:loss=yes",
            "11.06G 28.93M 380K 20K 38.79M 7.6M 29",
            batch=10,
            special={
                "activation": {
                    "verdict": "differs",
                    "note": "2.9 % more than any known form of the network; all other columns fit",
                }
            },
        ),
        *rows(
            "VGG16",
            "input 224, BATCH 10",
            "vgg16",
            "154.7G 196.85M 10K 10K 288.03M 138.36M 512.2",
            batch=10,
            special={
                "size_MiB": {
                    "ours": without_last_mib("vgg16", "fc8"),
                    "note": "the size of a model without its classifier",
                }
            },
        ),
    ),
)
