"""Counting: rules on known networks and files, laws of totals, packets, splits and blocks."""

from __future__ import annotations

import json
import math
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper

from codegen import zoo
from codegen.errors import BadOption, DynamicShape, InvalidModel
from codegen.frontend import load_onnx
from codegen.report.complexity import (
    MOBILE,
    NETSCOPE,
    RULES,
    Cost,
    Kind,
    Measure,
    Rules,
    Structure,
    count,
    find_rules,
    read_structure,
    split,
    study_block,
)
from codegen.report.complexity.console import short
from codegen.report.complexity.to_json import (
    block_to_json,
    compare_to_json,
    complexity_to_json,
    split_to_json,
)
from codegen.report.packets import PDUS, count_packets, parse_pdu
from codegen.report.published import TABLES, Bench, compare_tables
from codegen.report.published.compare import tables_to_json

ROOT = Path(__file__).resolve().parents[2]
MEMORY = ROOT.parent / "shared" / "reference" / "memory.json"
BENCH = Bench()
SECONDS = 3.0
"""What counting the largest networks may take, on a machine that other tests share."""


def structure(
    *nodes: onnx.NodeProto, shape: tuple[object, ...] = ("N", 4, 8, 8), **data: Any
) -> Structure:
    """Return a network of nodes from x to y; `data` are shapes of initializers without data."""
    initializers = [
        onnx.TensorProto(name=name, data_type=TensorProto.FLOAT, dims=dims)
        for name, dims in data.items()
    ]
    graph = helper.make_graph(
        list(nodes),
        "net",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        initializers,
    )
    return read_structure(helper.make_model(graph), "net.onnx")


def cost_of(found: Structure, rules: Rules = MOBILE) -> Cost:
    """Return the cost of the last layer."""
    return rules.cost(found.layers[-1])


def node(op_type: str, *inputs: str, **attributes: Any) -> onnx.NodeProto:
    return helper.make_node(op_type, ["x", *inputs], ["y"], name="layer", **attributes)


@pytest.mark.parametrize(
    ("made", "data", "mobile", "netscope"),
    [
        (
            node("Conv", "w", "b", kernel_shape=[3, 3], pads=[1, 1, 1, 1]),
            {"w": (8, 4, 3, 3), "b": (8,)},
            Cost(macs=8 * 64 * 36, activations=512, parameters=288),
            Cost(macs=8 * 64 * 36, activations=512, parameters=296),
        ),
        (
            node("Conv", "w", group=2),
            {"w": (6, 2, 1, 1)},
            Cost(macs=6 * 64 * 2, activations=384, parameters=12),
            Cost(macs=6 * 64 * 2, activations=384, parameters=12),
        ),
        (
            node("ConvTranspose", "w", strides=[2, 2]),
            {"w": (4, 3, 2, 2)},
            Cost(macs=256 * 12, activations=3 * 256, parameters=48),
            Cost(macs=256 * 12, activations=3 * 256, parameters=48),
        ),
        (
            node("BatchNormalization", "s", "b", "m", "v"),
            {"s": (4,), "b": (4,), "m": (4,), "v": (4,)},
            Cost(),
            Cost(256, additions=256, divisions=256, activations=512, parameters=8),
        ),
        (node("Relu"), {}, Cost(comparisons=256), Cost(comparisons=256, activations=256)),
        (
            node("HardSwish"),
            {},
            Cost(comparisons=512, additions=256),
            Cost(comparisons=512, additions=256, activations=256),
        ),
        (
            node("Sigmoid"),
            {},
            Cost(additions=256, divisions=256, exponentials=256),
            Cost(additions=256, divisions=256, exponentials=256, activations=256),
        ),
        (node("Neg"), {}, Cost(), Cost(activations=256)),
        (
            node("MaxPool", kernel_shape=[3, 3], strides=[2, 2]),
            {},
            Cost(comparisons=36 * 9, activations=36),
            Cost(comparisons=36 * 9, activations=36),
        ),
        (
            node("GlobalAveragePool"),
            {},
            Cost(additions=256, divisions=4, activations=4),
            Cost(additions=256, activations=4),
        ),
        (
            node("LRN", size=5),
            {},
            Cost(additions=1280, divisions=256, exponentials=256, activations=256),
            Cost(1280, 0, 256, 512, 256, 256, 2),
        ),
        (
            node("Softmax", axis=1),
            {},
            Cost(additions=256, divisions=256, exponentials=256, activations=256),
            Cost(additions=256, divisions=256, exponentials=256, activations=256),
        ),
        (
            node("Add", "x"),
            {},
            Cost(additions=256, activations=256),
            Cost(additions=256, activations=256),
        ),
        (
            node("Add", "c"),
            {"c": (4, 1, 1)},
            Cost(),
            Cost(additions=256, activations=256, parameters=4),
        ),
        (node("Mul", "x"), {}, Cost(activations=256), Cost(256, activations=256)),
        (node("Concat", "x", axis=1), {}, Cost(), Cost(activations=512)),
        (node("Dropout"), {}, Cost(), Cost(comparisons=256, activations=256)),
        (node("Flatten"), {}, Cost(), Cost()),
        (
            node("Transpose", perm=[0, 2, 3, 1]),
            {},
            Cost(activations=256),
            Cost(activations=256),
        ),
    ],
    ids=lambda value: value.op_type if isinstance(value, onnx.NodeProto) else "",
)
def test_rules(
    made: onnx.NodeProto, data: dict[str, tuple[int, ...]], mobile: Cost, netscope: Cost
) -> None:
    found = structure(made, **data)
    assert cost_of(found) == mobile
    assert cost_of(found, NETSCOPE) == netscope


@pytest.mark.parametrize(
    ("weights", "group", "kind"),
    [
        ((8, 4, 1, 1), 1, Kind.POINTWISE),
        ((8, 1, 1, 1), 4, Kind.DEPTHWISE),
        ((4, 1, 3, 3), 4, Kind.DEPTHWISE),
        ((8, 4, 3, 3), 1, Kind.CONV_3X3),
        ((8, 4, 1, 3), 1, Kind.CONV),
        ((8, 2, 1, 1), 2, Kind.POINTWISE),
    ],
)
def test_kinds_of_convolution(weights: tuple[int, ...], group: int, kind: Kind) -> None:
    made = node("Conv", "w", group=group)
    assert structure(made, w=weights).layers[-1].kind is kind


def test_dense_layers_in_both_forms() -> None:
    gemm = structure(node("Gemm", "w", "b"), shape=(1, 32), w=(32, 10), b=(10,))
    turned = structure(node("Gemm", "w", transB=1), shape=(1, 32), w=(10, 32))
    matmul = structure(node("MatMul", "w"), shape=(1, 5, 32), w=(32, 10))
    assert cost_of(gemm) == Cost(macs=320, activations=10, parameters=320)
    assert cost_of(turned) == cost_of(gemm)
    assert cost_of(matmul) == Cost(macs=1600, activations=50, parameters=320)
    assert {found.layers[-1].kind for found in (gemm, turned, matmul)} == {Kind.DENSE}


def test_shared_weights_count_once() -> None:
    first = helper.make_node("Conv", ["x", "w"], ["h"], name="first", pads=[1, 1, 1, 1])
    second = helper.make_node("Conv", ["h", "w"], ["y"], name="second", pads=[1, 1, 1, 1])
    found = count(structure(first, second, w=(4, 4, 3, 3)))
    assert [row.cost.parameters for row in found.rows] == [0, 144, 0]
    assert found.total.macs == 2 * 144 * 64


def test_unknown_operators_are_told() -> None:
    found = structure(node("CumSum", "axis"), axis=())
    assert count(found).notes == ("not counted: CumSum, 1 node",)


def test_shapes_follow_from_computed_shapes() -> None:
    """As exporters write views and shuffles: Shape, Gather, Concat, Reshape."""
    nodes = [
        helper.make_node("Constant", [], ["zero"], value=_tensor([0])),
        helper.make_node("Constant", [], ["one"], value=_tensor([1])),
        helper.make_node("Shape", ["x"], ["shape"]),
        helper.make_node("Gather", ["shape", "zero"], ["batch"]),
        helper.make_node("ConstantOfShape", ["one"], ["rest"], value=_tensor([-1])),
        helper.make_node("Concat", ["batch", "rest"], ["sides"], axis=0),
        helper.make_node("Reshape", ["x", "sides"], ["y"], name="layer"),
    ]
    found = structure(*nodes)
    assert [layer.op_type for layer in found.layers] == ["Input", "Reshape"]
    assert found.layers[-1].output_shape == (256,)


def _tensor(values: list[int]) -> onnx.TensorProto:
    return helper.make_tensor("value", TensorProto.INT64, [len(values)], values)


def test_unknown_and_contradicting_shapes_are_told() -> None:
    with pytest.raises(DynamicShape, match="shape of 'x'"):
        structure(node("Relu"), shape=("N", 4, "H", 8))
    with pytest.raises(InvalidModel, match="spatial dimensions"):
        structure(node("Conv", "w"), w=(8, 4, 3, 3, 3))


def test_a_batch_of_the_model_itself_counts() -> None:
    assert cost_of(structure(node("Relu"), shape=(3, 4, 8, 8))) == Cost(comparisons=768)


@pytest.mark.parametrize("rules", RULES, ids=lambda rules: rules.name)
@pytest.mark.parametrize("network", [network.name for network in zoo.NETWORKS])
def test_every_zoo_network_is_counted_whole(network: str, rules: Rules) -> None:
    found = BENCH.structure(network)
    counted = count(found, Measure(rules))
    assert counted.notes == ()
    assert counted.total.macs > 0
    assert counted.total == sum((rules.cost(layer) for layer in found.layers), Cost())
    assert sum(share.macs for share in counted.shares) == sum(x.macs for x in found.layers)
    assert sum(share.macs_percent for share in counted.shares) == pytest.approx(100)
    assert sum(share.parameters_percent for share in counted.shares) == pytest.approx(100)
    assert counted.packets == sum(-(-row.output_bytes // 116) for row in counted.rows)


def test_a_batch_multiplies_all_but_parameters() -> None:
    found = BENCH.structure("alexnet")
    one, ten = (count(found, Measure(NETSCOPE, batch)).total for batch in (1, 10))
    assert ten == Cost(*(10 * n for n in list(_counts(one))[:-1]), one.parameters)


def _counts(cost: Cost) -> Iterator[int]:
    for name in Cost.__dataclass_fields__:
        yield getattr(cost, name)


@given(st.integers(1, 64), st.integers(0, 10**6))
def test_bytes_hold_the_bits(bits: int, numbers: int) -> None:
    size = Measure(bits=bits).bytes_of(numbers)
    assert 0 <= size * 8 - numbers * bits < 8


@given(st.integers(0, 10**7), st.integers(1, 2000))
def test_packets_are_payloads_rounded_up(size: int, payload: int) -> None:
    packets = count_packets(size, payload)
    assert (packets - 1) * payload < size <= packets * payload or size == packets == 0


@pytest.mark.parametrize("file", ["mlperf_tiny_vww_mobilenetv1_025_96", "mlperf_tiny_kws_dscnn"])
def test_quantized_and_float_files_count_the_same(shared_models: Path, file: str) -> None:
    models = (shared_models / f"{file}_{form}.onnx" for form in ("f32", "int8"))
    first, second = (count(read_structure(load_onnx(path), file)).total for path in models)
    assert (first.macs, first.parameters) == (second.macs, second.parameters)


def test_the_files_of_caffe_give_the_figures_of_netscope(shared_models: Path) -> None:
    model = load_onnx(shared_models / "squeezenet1_0_imagenet_f32.onnx")
    total = count(read_structure(model, "squeezenet"), Measure(NETSCOPE)).total
    assert total == Cost(861_339_936, 9_665_768, 226_000, 1_000, 1_000, 12_576_283, 1_248_424)


def test_every_shared_file_is_counted(shared_models: Path) -> None:
    for path in sorted(shared_models.glob("*.onnx")):
        found = read_structure(load_onnx(path), path.name)
        assert count(found).notes == (), path.name
        assert split(found, Measure()).cuts, path.name


@pytest.mark.parametrize("network", ["resnet152", "inception_v4"])
def test_the_largest_networks_are_counted_at_once(network: str) -> None:
    start = time.process_time()
    model = zoo.build(network, {}, weights=False)
    assert all(not tensor.raw_data and not tensor.float_data for tensor in model.graph.initializer)
    counted = count(read_structure(model, network))
    assert time.process_time() - start < SECONDS
    assert counted.total.parameters > 40_000_000
    assert model.ByteSize() < 2_000_000


def test_names_of_packets() -> None:
    assert {pdu.name: pdu.payload_bytes for pdu in PDUS} == {
        "802.15.4": 116,
        "ble": 244,
        "lorawan-dr0": 51,
        "lorawan-dr1": 51,
        "lorawan-dr2": 51,
        "lorawan-dr3": 115,
        "lorawan-dr4": 222,
        "lorawan-dr5": 222,
        "can-fd": 64,
        "6lowpan": 110,
    }
    assert parse_pdu("BLE") == 244
    for text in ("pigeon", "0", "-1", "1.5", ""):
        with pytest.raises(BadOption, match="no kind of packet"):
            parse_pdu(text)


def test_packets_are_documented_with_their_arithmetic() -> None:
    text = (ROOT / "docs" / "counting.md").read_text(encoding="utf-8")
    for pdu in PDUS:
        assert f"| `{pdu.name}` | {pdu.payload_bytes} | {pdu.arithmetic} |" in text


def test_rules_have_names() -> None:
    assert [find_rules(rules.name) for rules in RULES] == list(RULES)
    with pytest.raises(BadOption, match="no rules 'paper'"):
        find_rules("paper")


def test_short_figures_round_up_into_the_next_unit() -> None:
    assert [short(n) for n in (999, 999_499, 999_500, 9_994_000, 41_030_272)] == [
        "999",
        "999K",
        "1.00M",
        "9.99M",
        "41.0M",
    ]


def reference_peaks() -> list[Any]:
    """Return zoo networks with their peaks layer by layer in the shared reference."""
    if not MEMORY.is_file():
        reason = "the shared reference folder is absent"
        return [pytest.param("", 0, marks=pytest.mark.skip(reason=reason))]
    found = []
    for row in json.loads(MEMORY.read_text(encoding="utf-8")):
        match = re.fullmatch(r"MobileNetV([12])-([\d.]+)-(\d+)", row["network"])
        if match and row["metric"] == "a_lb":
            spec = f"mobilenet_v{match[1]}:alpha={match[2]},resolution={match[3]}"
            found.append((spec, row["computed"]))
    return [*found, ("shufflenet_v1", 564_480), ("cifar10_cnn", 40_960)]


@pytest.mark.parametrize(("spec", "peak"), reference_peaks())
def test_ram_of_the_whole_network_is_its_peak_layer_by_layer(spec: str, peak: int) -> None:
    assert max(cut.ram_bytes for cut in split(BENCH.structure(spec), Measure()).cuts) == peak


def test_cuts_of_a_chain() -> None:
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["a"], name="conv", strides=[2, 2], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["a"], ["b"], name="relu"),
        helper.make_node("GlobalAveragePool", ["b"], ["c"], name="pool"),
        helper.make_node("Flatten", ["c"], ["d"], name="flatten"),
        helper.make_node("Gemm", ["d", "v"], ["y"], name="fc", transB=1),
    ]
    cuts = split(structure(*nodes, w=(8, 4, 3, 3), v=(10, 8)), Measure(bits=4)).cuts
    assert [
        (c.after, c.radio_bytes, c.ram_bytes, c.flash_bytes, c.macs, c.pareto) for c in cuts
    ] == [
        ("pool", 4, 384, 352, 4608, True),
        ("fc", 5, 384, 352 + 160, 4688, False),
        ("relu", 64, 384, 352, 4608, False),
        ("x", 128, 256, 0, 0, True),
    ]


def test_no_cut_crosses_a_shortcut() -> None:
    nodes = [
        helper.make_node("Relu", ["x"], ["a"], name="relu"),
        helper.make_node("Conv", ["a", "w"], ["b"], name="conv1"),
        helper.make_node("Conv", ["b", "w"], ["c"], name="conv2"),
        helper.make_node("Add", ["a", "c"], ["y"], name="add"),
    ]
    cuts = split(structure(*nodes, w=(4, 4, 1, 1)), Measure()).cuts
    assert {cut.after for cut in cuts} == {"relu", "add"}
    assert max(cut.ram_bytes for cut in cuts) == 3 * 256


@pytest.mark.parametrize("network", ["mobilenet_v2", "squeezenet", "ssdlite", "googlenet"])
def test_marked_cuts_are_those_that_none_beats(network: str) -> None:
    cuts = split(BENCH.structure(network), Measure()).cuts
    for cut in cuts:
        beaten = any(
            other.prices != cut.prices
            and all(a <= b for a, b in zip(other.prices, cut.prices, strict=True))
            for other in cuts
        )
        assert cut.pareto is not beaten
    whole = max(cuts, key=lambda cut: cut.macs)
    assert whole.macs_percent == 100
    assert min(cut.macs for cut in cuts) == 0


def test_a_block_of_a_standard_convolution() -> None:
    found = structure(node("Conv", "w", pads=[1, 1, 1, 1]), w=(16, 4, 3, 3))
    full, separable, _, scaled = study_block(found, "layer", 0.5, 0.5).variants
    assert full.macs == found.layers[-1].macs
    assert (separable.parameters, separable.macs) == (100, 6400)
    assert scaled.block.inputs, scaled.block.filters == (2, 8)
    assert (scaled.block.height, scaled.macs) == (4, (18 + 16) * 16)
    assert separable.reduction == pytest.approx(1 / (1 / 16 + 1 / 9))


def test_a_separable_block_is_as_in_the_network() -> None:
    found = BENCH.structure("mobilenet_v1")
    separable = study_block(found, "dw7").variants[1]
    layers = [layer for layer in found.layers if layer.name in ("dw7", "pw7")]
    assert separable.macs == sum(layer.macs for layer in layers)
    assert separable.parameters == sum(layer.weights for layer in layers)


@pytest.mark.parametrize(
    ("layer", "alpha", "rho"),
    [("pw7", 1, 1), ("absent", 1, 1), ("dw7", 0, 1), ("dw7", 1, -1), ("dw7", math.nan, 1)],
)
def test_what_is_no_block_is_told(layer: str, alpha: float, rho: float) -> None:
    with pytest.raises(BadOption):
        study_block(BENCH.structure("mobilenet_v1"), layer, alpha, rho)


def keys(document: Any, path: str = "") -> Iterator[str]:
    """Yield the path of every key that holds a value."""
    if isinstance(document, dict):
        for key, value in document.items():
            yield from keys(value, f"{path}.{key}" if path else key)
    elif isinstance(document, list) and document and isinstance(document[0], dict):
        for item in document:
            yield from keys(item, f"{path}[]")
    else:
        yield path


def test_every_key_is_documented() -> None:
    text = (ROOT / "docs" / "counting.md").read_text(encoding="utf-8")
    documented = set(re.findall(r"`([^`]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL)))
    found = BENCH.structure("mobilenet_v1")
    measure = Measure()
    counted = count(found, measure)
    for document in map(
        json.loads,
        (
            complexity_to_json(counted),
            compare_to_json([counted]),
            split_to_json(split(found, measure)),
            block_to_json(study_block(found, "dw7")),
            tables_to_json(compare_tables(TABLES[-1:], BENCH)),
        ),
    ):
        assert document["schema"] in documented
        for key in set(keys(document)):
            assert key.removeprefix("networks[].") in documented, key
