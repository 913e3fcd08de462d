"""ResNets, dense networks, networks of segmentation, and columns that no structure gives."""

from __future__ import annotations

from codegen.report.published.counts import (
    outputs,
    stored_mib,
    weights_and_biases,
    with_norms,
)
from codegen.report.published.figure import TRUNCATED, Figure, Table, of

DENSE = "fully_connected"

RESNET_CIFAR_TABLE = Table(
    "ResNet CIFAR",
    "ResNets for CIFAR-10",
    "Weights, the classifier's biases, scale and bias of each normalized channel; shortcuts without"
    " parameters.",
    tuple(
        Figure(
            f"ResNet-{depth}",
            "params",
            printed,
            of(f"resnet_cifar:depth={depth}", with_norms),
            f"n={(depth - 2) // 6} option-A shortcuts",
        )
        for depth, printed in (
            (20, "0.27M"),
            (32, "0.46M"),
            (44, "0.66M"),
            (56, "0.85M"),
            (110, "1.7M"),
            (1202, "19.4M"),
        )
    ),
)
RESNET_TABLE = Table(
    "ResNet/WRN ImageNet",
    "ResNets for ImageNet",
    "Weights, the classifier's biases, scale and bias of each normalized channel.",
    tuple(
        Figure(network, "params", printed, of(spec, with_norms))
        for network, spec, printed in (
            ("ResNet-50", "resnet50", "25.6M"),
            ("ResNet-101", "resnet101", "44.5M"),
            ("ResNet-152", "resnet152", "60.2M"),
            ("WRN-50-2-bottleneck", "wrn50_2", "68.9M"),
            ("pre-ResNet-200", "preresnet200", "64.7M"),
        )
    ),
)
BENCH_TABLE = Table(
    "bench table FCN/CNN/RNN",
    "Networks of a benchmark of deep learning tools",
    "Weights and biases. The width of the dense networks' hidden layers is not in the source: 1024"
    " gives what is printed, with one hidden layer, and with four without biases.",
    (
        Figure(
            "ResNet-50",
            "params",
            "3.8 billion",
            of("resnet50", with_norms),
            verdict="misprint",
            note="3.8 G is the number of operations",
        ),
        Figure("AlexNet", "params", "61M", of("alexnet", weights_and_biases)),
        Figure("AlexNet", "input", "150,528", of("alexnet:resolution=224", outputs, "input")),
        Figure("FCN-5", "params", "55M", of(DENSE, weights_and_biases)),
        Figure("FCN-8", "params", "58M", of(f"{DENSE}:layers=4,bias=no", weights_and_biases)),
        Figure(
            "LSTM-32/64",
            "params",
            "13M",
            verdict="not derivable",
            note="the source does not give the hidden size",
        ),
    ),
)
SEGMENTATION_TABLE = Table(
    "segmentation model sizes (MB = fp32 MiB)",
    "Sizes of segmentation networks",
    "All that a file holds, four numbers for each normalized channel, as 32-bit floats in units of"
    " 2^20 bytes.",
    (
        Figure("FCN8s (VGG) Pascal", "size", "513.0", of("fcn8s", stored_mib)),
        Figure("CRF-RNN (VGG) Pascal", "size", "513.0", of("crf_rnn", stored_mib)),
        Figure(
            "FCN8s (VGG) Cityscapes",
            "size",
            "512.5",
            of("fcn8s:classes=19,upsampling=bilinear", stored_mib),
        ),
        Figure(
            "Dilated Frontend (VGG) Pascal",
            "size",
            "512.4",
            of("dilated_vgg", stored_mib),
            rounding=TRUNCATED,
        ),
        Figure(
            "Dilated Frontend (VGG) Cityscapes",
            "size",
            "512.4",
            of("dilated_vgg:classes=19", stored_mib),
            rounding=TRUNCATED,
        ),
        Figure(
            "Dilated Context (VGG) Pascal",
            "size",
            "538.4",
            of("dilated_vgg:context=large", stored_mib),
        ),
        Figure(
            "Dilated Context (VGG) Cityscapes",
            "size",
            "512.6",
            of("dilated_vgg:classes=19,context=basic", stored_mib),
            verdict="differs",
            note="the basic context module gives 512.55",
        ),
        Figure("Segnet (VGG) Pascal", "size", "112.4", of("segnet", stored_mib)),
        Figure(
            "Deeplab v2 (VGG) Pascal", "size", "144.5", of("deeplab_v2:backbone=vgg16", stored_mib)
        ),
        Figure("Deeplab v2 (ResNet-101) Pascal", "size", "168.4", of("deeplab_v2", stored_mib)),
        Figure(
            "FCN8s (ResNet-101) Pascal",
            "size",
            "162.9",
            verdict="differs",
            note="about 162.75 with scores of three stages; the source does not say which",
        ),
        *(
            Figure(
                network,
                "size",
                "-",
                verdict="not derivable",
                note="the source does not give the architecture",
            )
            for network in ("E-Net", "ICNet", "PSPNet")
        ),
    ),
)
MEASURED_TABLE = Table(
    "all",
    "Columns of all tables that no structure gives",
    "Measured by their sources.",
    tuple(
        Figure(column, "-", "-", verdict="not derivable", note="measured, on data or devices")
        for column in (
            "accuracy / mAP / mIOU / error columns",
            "CPU ms columns (Pixel 1, Snapdragon 820, iPhone)",
            "time/batch 16",
        )
    ),
)
OTHER_TABLES = (RESNET_CIFAR_TABLE, RESNET_TABLE, BENCH_TABLE, SEGMENTATION_TABLE, MEASURED_TABLE)
