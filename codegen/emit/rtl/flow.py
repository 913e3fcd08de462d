"""Emission of a flow: a module a layer, and their memories as files of hexadecimal words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from codegen.emit.c import environment
from codegen.emit.rtl.memory_image import to_hex
from codegen.emit.rtl.streams import Streams
from codegen.ir.flow import RESCALED, WINDOWED, Flow, Stage, Unit
from codegen.ir.types import Array
from codegen.plan.fold import RUNNING_CYCLES
from codegen.plan.pace import LEAST_QUEUE, queue_bytes

SHARED = (
    "adder_tree",
    "block_register",
    "copy",
    "dot_product",
    "multiplier",
    "ram",
    "registers",
    "rom",
    "skid",
    "top",
)
"""Modules of both modes."""
OWN = (
    "add",
    "bank",
    "credit",
    "engine",
    "fifo",
    "finish",
    "layer",
    "pack",
    "products",
    "rescale_serial",
    "rows",
    "running",
    "shares",
    "sums",
    "table",
    "turn",
    "unpack",
    "walk",
)
"""Modules of this mode, each in a template of that name after `flow_`."""
SOFTMAX = ("delay", "softmax")
"""Modules of the engine that only a softmax uses."""
KINDS = {Unit.MAC: 0, Unit.LANES: 1, Unit.AVERAGE: 2, Unit.MAX: 3}
SHARE_PACE = 40
"""Cycles from one share of a softmax to the next: a bit a cycle, and what begins and ends it."""
MOST_BITS = 64
BYTE_BITS = 8

Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Instance:
    """A module as the template writes it."""

    comment: str
    module: str
    name: str
    parameters: Pairs
    ports: Pairs


@dataclass(frozen=True, slots=True)
class Reader:
    """Who reads a stream, and when it is offered a byte."""

    name: str
    valid: str


@dataclass(frozen=True, slots=True)
class Stream:
    """A value between layers."""

    comment: str
    name: str
    readers: tuple[Reader, ...]
    ready: str


def emit_flow(flow: Flow, name: str, version: int, word: int) -> dict[str, str]:
    """Return the Verilog of a network and the contents of its memories, by file name.

    Its outer streams have words of `word` bytes.
    """
    env = environment()
    context = _context(flow, name, word)
    top = {"name": name, "ring": 0, "engine": [], "simd": word, "version": f"32'h{version:08x}"}
    modules = [f"flow_{module}" for module in OWN] + list(SHARED)
    if any(stage.unit is Unit.SOFTMAX for stage in flow.stages):
        modules += SOFTMAX
    files = {}
    for module in modules:
        text = env.get_template(f"rtl/{module}.v.j2").render(top if module == "top" else context)
        files[f"{name}_{module.removeprefix('flow_')}.v"] = text
    for stage in flow.stages:
        files |= memory_files(stage, name)
    return files


def flow_streams(flow: Flow, word: int) -> Streams:
    """Return what goes in and out of a flow, in words of so many bytes."""
    return Streams(word, (flow.source.size_bytes,), (flow.stages[-1].y.size_bytes,))


def wires(flow: Flow) -> dict[str, str]:
    """Return what the stream of each value is called in the engine."""
    return {value: f"v{i}" for i, value in enumerate(_values(flow))}


def _context(flow: Flow, name: str, word: int) -> Mapping[str, object]:
    links = wires(flow)
    last = flow.stages[-1]
    instances = [each for stage in flow.stages for each in _instances(flow, stage, links, name)]
    return {
        "name": name,
        "summary": f"The layers of {flow.name}, each an engine of its own.",
        "word": word,
        "inputs": flow.source.size_bytes,
        "outputs": last.y.size_bytes,
        "streams": [_stream(flow, value, links) for value in links],
        "instances": instances,
        "queues": [each.name for each in instances if each.module == "fifo"],
        "source": links[flow.input],
        "sink": links[flow.output],
    }


def _values(flow: Flow) -> tuple[str, ...]:
    return (flow.input, *(stage.output for stage in flow.stages))


def _stream(flow: Flow, value: str, links: Mapping[str, str]) -> Stream:
    """Return a stream that gives each byte to all its readers at once."""
    name = links[value]
    readers = [f"{name}_to_{stage.name}_{i}" for stage, i in flow.readers(value)]
    if value == flow.output:
        readers.append(f"{name}_out")
    offered = {
        reader: " && ".join([f"{name}_valid", *(f"{r}_ready" for r in readers if r != reader)])
        for reader in readers
    }
    images = {flow.input: flow.source} | {stage.output: stage.y for stage in flow.stages}
    image = images[value]
    return Stream(
        f"{value}: {image.height} x {image.width} x {image.channels}",
        name,
        tuple(Reader(reader, valid) for reader, valid in offered.items()),
        " && ".join(f"{reader}_ready" for reader in readers),
    )


def _instances(flow: Flow, stage: Stage, links: Mapping[str, str], name: str) -> list[Instance]:
    """Return the queues before a stage, and the stage."""
    found, ports = [], []
    prefixes = ("a", "b") if stage.unit is Unit.ADD else ("in",)
    for i, (value, prefix) in enumerate(zip(stage.inputs, prefixes, strict=True)):
        data, link = f"{links[value]}_data", f"{links[value]}_to_{stage.name}_{i}"
        depth = flow.fifo(stage, i)
        if depth:
            queue = f"{stage.name}_queue{i}"
            ends = [*_ends("in", data, link), *_ends("out", f"{queue}_data", queue)]
            sizes = (("WIDTH", "8"), ("DEPTH", str(depth)))
            found.append(Instance(f"Before {stage.name}.", "fifo", queue, sizes, tuple(ends)))
            data, link = f"{queue}_data", queue
        ports += _ends(prefix, data, link)
    out = links[stage.output]
    ports += _ends("out", f"{out}_data", out)
    module, parameters = _module(stage, name)
    found.append(Instance(_comment(stage), module, stage.name, parameters, tuple(ports)))
    return found


def _ends(port: str, data: str, link: str) -> list[tuple[str, str]]:
    return [
        (f"{port}_data", data),
        (f"{port}_valid", f"{link}_valid"),
        (f"{port}_ready", f"{link}_ready"),
    ]


def _comment(stage: Stage) -> str:
    x, y = stage.x, stage.y
    sizes = f"{x.height} x {x.width} x {x.channels} to {y.height} x {y.width} x {y.channels}"
    return f"{stage.unit.value}, {sizes}"


def _module(stage: Stage, name: str) -> tuple[str, Pairs]:
    if stage.unit in WINDOWED:
        return "layer", (*_window_parameters(stage, name), *_rescale_parameters(stage, name))
    pixels = stage.x.height * stage.x.width
    if stage.unit is Unit.RUNNING:
        period = max(stage.passes, RUNNING_CYCLES)
        own = {"CHANNELS": stage.x.channels, "PIXELS": pixels, "PERIOD": period}
        rescale = [pair for pair in _rescale_parameters(stage, name) if pair[0] != "CHANNELS"]
        return "running", (*_literals(own), *rescale)
    if stage.unit is Unit.TABLE:
        return "table", (
            *_literals({"DEPTH": LEAST_QUEUE}),
            ("FILE", _quoted(name, stage, "table")),
        )
    numbers = stage.numbers
    if stage.unit is Unit.SOFTMAX:
        own = {"CHANNELS": stage.x.channels, "ZERO": numbers.offset, "PACE": SHARE_PACE}
        own["DEPTH"] = LEAST_QUEUE
        scale = ("SCALE", f"32'd{int(numbers.multipliers[0])}")
        return "shares", (*_literals(own), scale, ("FILE", _quoted(name, stage, "exponentials")))
    factors = [int(m) for m in numbers.multipliers]
    own = {"FACTOR_A": factors[0], "FACTOR_B": factors[1]}
    names = ("FACTOR_DIGITS", "MULTS", "PASSES", "BITS", "OFFSET", "DOWN", "LOW", "HIGH", "DEPTH")
    rescale = [pair for pair in _rescale_parameters(stage, name) if pair[0] in names]
    return "add", (*_literals(own), *rescale)


def _window_parameters(stage: Stage, name: str) -> Pairs:
    w = stage.windows
    is_mac = stage.unit is Unit.MAC
    pairs = _literals(
        {
            "KIND": KINDS[stage.unit],
            "PE": stage.fold.pe,
            "SIMD": stage.fold.simd,
            "WORD": stage.word_bytes,
            "GROUP_BYTES": stage.group_bytes,
            "KERNEL_Y": w.kernel[0],
            "KERNEL_X": w.kernel[1],
            "STRIDE_Y": w.strides[0],
            "STRIDE_X": w.strides[1],
            "PAD_Y": w.pads[0],
            "PAD_X": w.pads[1],
            "DILATION_Y": w.dilations[0],
            "DILATION_X": w.dilations[1],
            "HEIGHT": stage.x.height,
            "WIDTH": stage.x.width,
            "OUT_HEIGHT": stage.y.height,
            "OUT_WIDTH": stage.y.width,
            "WORDS": stage.group_words if is_mac else 1,
            "BLOCKS": stage.blocks,
            "BLOCK_STEP": 0 if is_mac else 1,
            "GROUPS": w.groups if is_mac else 1,
            "PIXEL_WORDS": stage.pixel_words,
            "ROWS": stage.rows_kept,
            "LAST_RESULTS": stage.results[-1],
            "PAD": stage.numbers.pad,
        }
    )
    if not stage.has_weights:
        return pairs
    words = ("WEIGHT_WORDS", str(len(weight_words(stage))))
    return (*pairs, words, ("WEIGHTS", _quoted(name, stage, "weights")))


def _rescale_parameters(stage: Stage, name: str) -> Pairs:
    numbers = stage.numbers
    if stage.unit not in RESCALED:
        return _literals({"ACC_BITS": 8, "PASSES": 1, "DEPTH": queue_bytes(stage)})
    product_bits = numbers.sum_bits + numbers.multiplier_bits
    total_bits = max(product_bits, abs(numbers.offset).bit_length(), numbers.down + BYTE_BITS)
    pairs = _literals(
        {
            "ACC_BITS": numbers.acc_bits,
            "BIAS_BITS": numbers.sum_bits - numbers.shift,
            "SHIFT": numbers.shift,
            "FACTOR_BITS": numbers.multiplier_bits,
            "SUM_DIGITS": stage.digits.sums,
            "FACTOR_DIGITS": stage.digits.multipliers,
            "MULTS": stage.fold.mults,
            "PASSES": stage.passes,
            "BITS": min(total_bits + 2, MOST_BITS),
            "DOWN": numbers.down,
            "LOW": numbers.low,
            "HIGH": numbers.high,
            "TIES": int(numbers.ties),
            "RESCALE_ROWS": len(numbers.multipliers),
            "CHANNELS": stage.y.channels,
            "BY_PIXEL": int(numbers.by_pixel),
            "DEPTH": queue_bytes(stage),
        }
    )
    sign = "-" if numbers.offset < 0 else ""
    offset = ("OFFSET", f"{sign}64'sd{abs(numbers.offset)}")
    return (*pairs, offset, ("RESCALE", _quoted(name, stage, "rescale")))


def _literals(numbers: Mapping[str, int]) -> Pairs:
    return tuple((name, str(int(number))) for name, number in numbers.items())


def _quoted(name: str, stage: Stage, what: str) -> str:
    return f'"{name}_{stage.name}_{what}.hex"'


def memory_files(stage: Stage, name: str) -> dict[str, str]:
    """Return the files that the memories of a stage begin with."""
    numbers, found = stage.numbers, {}
    if stage.has_weights:
        words = weight_words(stage)
        numbered = (int.from_bytes(word.tobytes(), "little") for word in words)
        found["weights"] = to_hex(numbered, 8 * words[0].size)
    if stage.unit in RESCALED and stage.unit is not Unit.ADD:
        low = numbers.sum_bits - numbers.shift
        rows = (
            (int(m) << low) | (int(bias) & ((1 << low) - 1))
            for m, bias in zip(numbers.multipliers, numbers.biases, strict=True)
        )
        found["rescale"] = to_hex(rows, low + numbers.multiplier_bits)
    if stage.unit is Unit.TABLE:
        found["table"] = to_hex((int(y) & 255 for y in numbers.table), 8)
    if stage.unit is Unit.SOFTMAX:
        found["exponentials"] = to_hex((int(e) << numbers.shift for e in numbers.table), 32)
    return {f"{name}_{stage.name}_{what}.hex": text for what, text in found.items()}


def weight_words(stage: Stage) -> Array:
    """Return the weights of a stage, (words, pe, simd), in the order of its beats.

    Weights of channels and filters that are not there are 0.
    """
    fold, filters = stage.fold, stage.filters
    weights = stage.numbers.weights
    kernel = weights.shape[1:3]
    groups = stage.windows.groups if stage.unit is Unit.MAC else 1
    width, depth = stage.blocks * fold.pe, weights.shape[3]
    padded = -(-depth // fold.simd) * fold.simd
    room = np.zeros((groups, width, *kernel, padded), np.int8)
    room[:, :filters, ..., :depth] = weights.reshape(groups, filters, *kernel, depth)
    split = room.reshape(groups, stage.blocks, fold.pe, *kernel, padded // fold.simd, fold.simd)
    return split.transpose(0, 1, 3, 4, 5, 2, 6).reshape(-1, fold.pe, fold.simd)
