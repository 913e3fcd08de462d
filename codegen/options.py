"""Options: what one run was asked to do, and the C identifier that its result is known by."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

from codegen.errors import BadOption

InputMode = Literal["arena", "const", "rows"]
OutputMode = Literal["arena", "rows"]
Activations = Literal["int8", "int16", "auto"]
Optimize = Literal["speed", "balanced", "size"]
Scheme = Literal["affine", "pow2"]
Repair = Literal["equalize", "round", "bias"]
REPAIRS: tuple[Repair, ...] = get_args(Repair)
FloatOps = Literal["refuse", "allow"]
WIDTHS = (8, 4, 2, 1)
"""Bits that weights may have."""
Layout = Literal["nchw", "nhwc"]
CalibrationMethod = Literal["min-max", "percentile", "mse", "entropy"]

SQNR_DB = 25.0
"""What bits are chosen for where nothing else is asked for: decisions mostly stay."""
RADIO_PAYLOAD_BYTES = 116
"""An IEEE 802.15.4 frame of 127 bytes less 11 of header and checksum."""

C_WORDS = (
    "alignas alignof and and_eq asm auto bitand bitor bool break case catch char char16_t char32_t"
    " char8_t class co_await co_return co_yield compl concept const const_cast consteval constexpr"
    " constinit continue decltype default delete do double dynamic_cast else enum explicit export"
    " extern false float for friend goto if import inline int long module mutable namespace new"
    " noexcept not not_eq nullptr operator or or_eq private protected public register"
    " reinterpret_cast requires restrict return short signed sizeof static static_assert"
    " static_cast struct switch template this thread_local throw true try typedef typeid typename"
    " typeof union unsigned using virtual void volatile wchar_t while xor xor_eq"
)
"""Keywords of C and C++."""

C_HEADERS = (
    "assert complex ctype errno fenv float inttypes iso646 limits locale main math setjmp signal"
    " stdalign stdarg stdatomic stdbool stddef stdint stdio stdlib stdnoreturn string tgmath"
    " threads time uchar wchar wctype"
)
"""Names whose .h or .c would hide a standard header, or the program's main file."""


@dataclass(frozen=True, slots=True)
class Bits:
    """Bits of weights: `width`, but for `layers` that are named; `auto`: chosen for each."""

    width: int = 8
    auto: bool = False
    layers: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ImageForm:
    """How pixels of images become inputs: less `mean`, over `std`, a number each or one a channel.

    Both are in the unit of pixels, 0 to 255; where none is above 1, in that of 0 to 1. `layout`
    says where the input has its channels, None that its shape tells.
    """

    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    layout: Layout | None = None


@dataclass(frozen=True, slots=True)
class PerLayer:
    """A number for all layers, but for `layers` that are named; None: as they are."""

    every: float | None = None
    layers: Mapping[str, float] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return self.every is not None or bool(self.layers)


@dataclass(frozen=True, slots=True)
class Options:
    """One run: which network, for which target, quantized by which data.

    `model` is the path of an ONNX or TFLite file or the name of a zoo network; `network` holds the
    options of the zoo network, `weights` a file of its parameters. `shapes` fixes the dimensions of
    inputs that the model leaves open, batch included. `calibrate` is an .npz file, a folder
    of .npy files or of images, which `images` says how to scale, or `module:function`; without it
    `samples` synthetic inputs are made from `seed`. `calibration_method` says how ranges follow
    from samples, `percentile` how many per cent of a value's elements that method keeps.
    `ram_bytes` is the most that arena and stack may take; `least_ram` asks for the least arena.
    `input_mode` and `output_mode` say how inputs and outputs pass
    between the caller and the network (`Transfer`). `memories` are those of the target to spread
    arena and constants over, each with the most bytes to take of it, or None for all.
    `repair` names what is done to lose less by quantization, where there are samples.
    `activations` is the type of values whose format the file does not prescribe, None the type
    that others have in it; auto is int8, but int16 for values without which `sqnr_db` is not kept.
    `scheme`: what scales and zero points such formats may have; of pow2, scales are powers of two
    and zero points 0. `shrink`: leave out what no output needs. `optimize`: what kernels are chosen
    by; `tune`: by cycles measured on the emulated target instead of estimates. `float_ops`: whether
    layers whose numbers fit no integers may compute in floats. `stream_weights`: those of a network
    in an FPGA come from outside, by a stream. `bits` are those of weights; if they
    are chosen, `flash_bytes` is the most that code and constants may take, else `sqnr_db` the least
    ratio of signal to noise at the outputs, by default SQNR_DB. `density` is the part of weights
    that pruning leaves, of all or of a layer; `codebook` the bits of an index into the integers of
    a layer; `low_rank_db` the ratio of signal to noise at which a layer becomes two.
    """

    model: str
    target: str
    name: str | None = None
    network: Mapping[str, object] = field(default_factory=dict)
    weights: Path | None = None
    shapes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    calibrate: Path | None = None
    images: ImageForm = field(default_factory=ImageForm)
    calibration_method: CalibrationMethod = "min-max"
    percentile: float = 99.99
    samples: int = 16
    seed: int = 0
    ram_bytes: int | None = None
    least_ram: bool = False
    pdu_payload_bytes: int = RADIO_PAYLOAD_BYTES
    dump_ir: Path | None = None
    input_mode: InputMode = "arena"
    output_mode: OutputMode = "arena"
    memories: Mapping[str, int | None] = field(default_factory=dict)
    activations: Activations | None = None
    scheme: Scheme = "affine"
    repair: tuple[Repair, ...] = REPAIRS
    shrink: bool = True
    optimize: Optimize = "balanced"
    tune: bool = False
    float_ops: FloatOps = "refuse"
    bits: Bits = Bits()
    flash_bytes: int | None = None
    sqnr_db: float | None = None
    density: PerLayer = PerLayer()
    codebook: PerLayer = PerLayer()
    low_rank_db: float | None = None
    stream_weights: bool = False

    @property
    def model_name(self) -> str:
        """The file's name, or the zoo name with its options; the same wherever the file lies."""
        given = "".join(f" {name}={value}" for name, value in self.network.items())
        weights = f" weights={self.weights.name}" if self.weights else ""
        return f"{Path(self.model).name}{given}{weights}"

    @property
    def identifier(self) -> str:
        """The name that C symbols and files begin with, in lower case; BadOption if not one."""
        if self.name is None:
            return c_identifier(Path(self.model).stem)
        return checked_identifier(self.name)


def library_identifier(name: str | None, networks: Sequence[Options]) -> str:
    """Return the C name of several networks together, in lower case: `name`, else theirs joined.

    Raises BadOption where it is none, or where files of one folder would have the same name.
    """
    names = [network.identifier for network in networks]
    library = "_".join(names) if name is None else checked_identifier(name)
    stems = [stem for name in names for stem in (name, f"{name}_test")]
    stems += [library, f"{library}_weights"]
    twice = next((stem for stem in stems if stems.count(stem) > 1), "")
    if twice:
        raise BadOption(
            f"two files would be called {twice}.h: networks and their library need other names",
            hint=f"name a network, first={networks[0].model}, or the library: --name",
        )
    return library


def checked_identifier(name: str) -> str:
    """Return a name in lower case; BadOption if C symbols and files cannot begin with it."""
    if c_identifier(name) != name.lower():
        raise BadOption(
            f"the name '{name}' is not usable in C: a keyword, a standard header, or other"
            " characters than letters, digits and single underscores",
            hint=f"for example --name {c_identifier(name)}",
        )
    return name.lower()


def c_identifier(text: str) -> str:
    """Return `text` as a lower-case C identifier that is no keyword and hides no header.

    >>> c_identifier("MobileNet-V1 (0.25)"), c_identifier("2dconv"), c_identifier("int")
    ('mobilenet_v1_0_25', 'net_2dconv', 'net_int')
    """
    word = re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")
    if not word:
        return "net"
    if word[0].isdigit() or word in f"{C_WORDS} {C_HEADERS}".split():
        return f"net_{word}"
    return word
