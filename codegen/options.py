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
Activations = Literal["int8", "int16"]
Optimize = Literal["speed", "balanced", "size"]
Scheme = Literal["affine", "pow2"]
Repair = Literal["equalize", "round", "bias"]
REPAIRS: tuple[Repair, ...] = get_args(Repair)
FloatOps = Literal["refuse", "allow"]

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
class Options:
    """One run: which network, for which target, quantized by which data.

    `model` is the path of an ONNX or TFLite file or the name of a zoo network; `network` holds the
    options of the zoo network, `weights` a file of its parameters. `shapes` fixes the dimensions of
    inputs that the model leaves open, batch included. `calibrate` is an .npz file or a folder
    of .npy files; without it `samples` synthetic inputs are made from `seed`. `ram_bytes` is the
    most that arena and stack may take; `least_ram` asks for the least arena.
    `input_mode` and `output_mode` say how inputs and outputs pass
    between the caller and the network (`Transfer`). `memories` are those of the target to spread
    arena and constants over, each with the most bytes to take of it, or None for all.
    `repair` names what is done to lose less by quantization, where there are samples.
    `activations` is the type of values whose format the file does not prescribe, None the type
    that others have in it. `scheme`: what scales and zero points such formats may have; of pow2,
    scales are powers of two and zero points 0. `shrink`: leave out what no output needs.
    `optimize`: what kernels are chosen by; `tune`: by cycles measured on the emulated target
    instead of estimates. `float_ops`:
    whether layers whose numbers fit no integers may compute in floats.
    """

    model: str
    target: str
    name: str | None = None
    network: Mapping[str, object] = field(default_factory=dict)
    weights: Path | None = None
    shapes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    calibrate: Path | None = None
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
