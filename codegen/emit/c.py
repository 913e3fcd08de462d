"""C emission: views of the Program as finished C text, handed to the templates."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jinja2

from codegen import resources
from codegen.emit.golden import Golden
from codegen.emit.hls import SCRIPTS, hls_context, hls_files
from codegen.emit.layers import (
    PUBLIC,
    indexed_arena,
    is_plain_row,
    member,
    view_layer,
    view_nests,
    view_state,
)
from codegen.emit.layout import COLUMNS, comment_block, wrap_lists
from codegen.emit.ports import passed, run_parameters, suffix, taken, view_inputs, view_outputs
from codegen.ir.interface import Port, shared_arena
from codegen.ir.memory import Arena
from codegen.ir.program import (
    Constant,
    Field,
    Function,
    Part,
    Program,
    all_constants,
    all_decodings,
    all_functions,
    arena_base,
    float_literal,
)
from codegen.ir.report import KernelCode
from codegen.ir.types import Array

INLINED = 2
"""How many copies of an inner loop take less code than calls of one."""

DATA = ("c/weights.c.j2", "c/CMakeLists.txt.j2", "c/sections.ld.j2", *SCRIPTS.values())
"""Templates of files without statements."""

INPUTS_ARE = {
    "arena": "from the arena, which it may overwrite",
    "const": "from where they stand, which it only reads",
    "rows": "row by row",
}
OUTPUTS_ARE = {"arena": "in the arena", "rows": "by rows to `sink`, with `user`"}

RUNTIME = (
    "single",
    "single_floor",
    "single_exp2",
    "single_log2",
    "single_root",
    "single_power",
    "single_modulo",
    "single_pick",
    "least",
    "rows",
    "row_places",
    "position",
    "rescale",
    "row16",
    "rescale16",
    "average",
    "sum_places",
    "tile_2x2",
    "tile_4x1",
    "dense_4x1",
    "pin",
    "load32",
    "store32",
    "store_pair",
    "paired",
    "narrow",
    "curve",
    "gates_type",
    "gates",
    "gates16",
    "octaves",
    "steps",
    "exponential",
    "word",
    "pair_pixels",
    "lanes_2x2",
    "sxtb16",
    "sxtab16",
    "add_half",
    "smlad",
    "max4",
    "expand_word",
    "block_type",
    "vector_type",
    "byte",
    "dots_type",
    "taps_type",
    "span",
    "smlad_8",
    "smlad_4x1",
    "smlad16_4x1",
    "columns_3x3",
    "strip_type",
    "sum_type",
    "store_tile",
    "store_apart",
    "store_filters",
    "store_filters16",
    "widen",
    "dot_4",
    "dot_32",
    "log2",
    "inverse_root",
    "root",
    "wide_root",
    "power_of",
    "reached",
    "apart",
    "symbol",
)
"""The files of templates/runtime/, each after those it calls."""


@dataclass(frozen=True, slots=True)
class ArrayView:
    """A constant array: declaration without `const`, comment, and its lines of values.

    `placement` is the macro that chooses its section.
    """

    name: str
    ctype: str
    length: int
    comment: tuple[str, ...]
    lines: tuple[str, ...]
    placement: str = ""


@dataclass(frozen=True, slots=True)
class ArenaView:
    """A part of the arena: its member in the struct, the macro it is placed by, its section."""

    member: str
    macro: str
    section: str
    region: str
    size: int
    align: int


@dataclass(frozen=True, slots=True)
class SectionView:
    """Where constants go: the macro that chooses it, the name of the section or "", the region."""

    macro: str
    section: str
    region: str


def environment() -> jinja2.Environment:
    """Return the environment of all templates: undefined names are errors."""
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(resources.folder("templates")),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )


def emit_c(programs: Sequence[Program], goldens: Sequence[Golden]) -> dict[str, str]:
    """Return file name -> text of the C library of programs, each with its golden values.

    Several were lowered beside each other; what they share stands in the library once.
    """
    env = environment()
    networks = [_network(*pair) for pair in zip(programs, goldens, strict=True)]
    library = _library(env, programs, networks)
    stem = library["name"]
    files = {f"{n['name']}.h": ("c/network.h.j2", n) for n in networks}
    if len(networks) > 1:
        files[f"{stem}.h"] = ("c/library.h.j2", library)
    files[f"{stem}.c"] = ("c/library.c.j2", library)
    files[f"{stem}_weights.h"] = ("c/weights.h.j2", library)
    files[f"{stem}_weights.c"] = ("c/weights.c.j2", library)
    files |= {f"{n['name']}_test.h": ("c/test.h.j2", n) for n in networks}
    files["CMakeLists.txt"] = ("c/CMakeLists.txt.j2", library)
    if library["arenas"] or any(program.interface.sections for program in programs):
        files[f"{stem}_sections.ld"] = ("c/sections.ld.j2", library)
    for program, network in zip(programs, networks, strict=True):
        if program.indexes:
            context = {**network, **hls_context(program)}
            files |= {file: (path, context) for file, path in hls_files(network["name"]).items()}
    return {file: _render(env, path, context) for file, (path, context) in files.items()}


def emit_headers(
    programs: Sequence[Program], code: Sequence[Sequence[KernelCode]]
) -> dict[str, str]:
    """Return file name -> text of the networks' headers, with what each kernel takes in them."""
    env = environment()
    found = {}
    for program, kernels in zip(programs, code, strict=True):
        rows = tuple(_code_row(kernel) for kernel in kernels)
        context = {**_network(program, Golden((), ())), "code": rows}
        found[f"{program.interface.name}.h"] = _render(env, "c/network.h.j2", context)
    return found


def _code_row(kernel: KernelCode) -> str:
    """Return a line on a kernel."""
    layers = "1 layer" if kernel.layers == 1 else f"{kernel.layers} layers"
    return f"{kernel.code_bytes:7,}  {kernel.name}, {layers}"


Context = dict[str, Any]


def _library(
    env: jinja2.Environment, programs: Sequence[Program], networks: Sequence[Context]
) -> Context:
    """Return what the templates of the files that networks share see."""
    name = programs[0].interface.stem
    macros = {"inline": f"{name.upper()}_INLINE", "noinline": f"{name.upper()}_NOINLINE"}
    shared = shared_loops(programs)
    arena_bytes, arena_align = shared_arena([program.interface for program in programs])
    bodies = [env.get_template("c/network.c.j2").render(network) for network in networks]
    return {
        "name": name,
        "NAME": name.upper(),
        "networks": networks,
        "arena_bytes": arena_bytes,
        "arena_align": arena_align,
        "arenas": tuple(_arena(name, arena) for p in programs for arena in p.interface.arenas),
        "sections": tuple(_section(name, memory) for memory in _sections(programs)),
        "constants": tuple(_array(name, constant) for constant in all_constants(programs)),
        "runtime": tuple(
            env.get_template(f"runtime/{part}.h.j2").render(
                macros, inner=macros["noinline" if part in shared else "inline"]
            )
            for part in used_runtime(programs)
        ),
        "parts": tuple(
            env.get_template(f"runtime/{part.template}.h.j2").render(
                **macros, name=part.name, **dict(part.params)
            )
            for part in used_parts(programs)
        ),
        "kernels": tuple(
            _kernel(env, f, indexed_arena(name))
            for f in all_functions(programs)
            if not f.kernel.delivers
        ),
        "body": "\n".join(bodies).removesuffix("\n"),
    }


def _kernel(env: jinja2.Environment, function: Function, arena: str) -> str:
    """Return the C of one kernel, with the type of what it is told before it.

    `arena` is the parameter of a kernel that finds bytes by their places.
    """
    fields = function.fields
    told = f"const {function.name}_shape *shape"
    call = {
        "name": function.name,
        "summary": function.summary,
        "shape_parameter": f", {told}" if fields else "",
        "arena": arena,
    }
    shape = env.get_template("c/shape.h.j2").render(call=call, fields=fields) if fields else ""
    params = {name: _parameter(value) for name, value in function.params.items()}
    return shape + env.get_template(function.kernel.template).render(call=call, p=params)


def _parameter(value: object) -> object:
    """Return what stands for a parameter in C."""
    if isinstance(value, tuple):
        return tuple(map(_parameter, value))
    return f"shape->{value.name}" if isinstance(value, Field) else value


def _network(program: Program, golden: Golden) -> Context:
    """Return what the templates of a network see."""
    name, prefix = program.interface.name, program.interface.prefix
    by_rows = program.interface.transfer.outputs == "rows"
    return {
        "name": name,
        "NAME": name.upper(),
        "prefix": prefix,
        "LIBRARY": program.interface.stem.upper(),
        "of_network": f" of {name}" if program.interface.library else "",
        "program": program,
        "inputs": view_inputs(program),
        "outputs": view_outputs(program),
        "transfer": program.interface.transfer,
        "arena_type": f"const {name}_arena" if program.interface.arenas else "void",
        "read_arena_type": f"const {name}_arena" if program.interface.arenas else "const void",
        "example_arena": "&parts" if program.interface.arenas else "arena",
        "arena_declarations": _arena_declarations(program),
        "arenas": tuple(_arena(name, arena) for arena in program.interface.arenas),
        "run_parameters": run_parameters(program),
        "taken": taken(program),
        "example_arguments": passed(program, "image", "take_row, user"),
        "inputs_are": INPUTS_ARE[program.interface.transfer.inputs],
        "outputs_are": OUTPUTS_ARE[program.interface.transfer.outputs],
        "is_wide": any(
            port.dtype.size_bytes > 1
            for port in (*program.interface.inputs, *program.interface.outputs)
        ),
        "pointers": "the arena, the row or the sink" if by_rows else "the arena or the row",
        "run_arguments": passed(program, "input", f"{prefix}store_row, output"),
        "test_arguments": passed(program, f"{name}_golden_input", f"{name}_compare_row, &wrong"),
        "state": view_state(program),
        "arena_bytes": program.interface.arena_bytes,
        "ram_bytes": f"{program.interface.arena_bytes:,}",
        "arena_align": program.interface.arena_align,
        "weights_bytes": f"{sum(c.size_bytes for c in program.constants):,}",
        "macs": f"{program.macs:,}",
        "code": (),
        "floats": tuple(
            f"{layer.name}: {layer.comment[0].partition(': ')[0]}"
            for layer in program.layers
            if layer.function.kernel.in_float
        ),
        "layers": tuple(view_layer(layer, name) for layer in program.layers),
        "nests": view_nests(program),
        "golden_inputs": _golden(name, "input", program.interface.inputs, golden.inputs),
        "golden_outputs": _golden(name, "output", program.interface.outputs, golden.outputs),
    }


def _render(env: jinja2.Environment, path: str, context: Mapping[str, object]) -> str:
    text = env.get_template(path).render(context)
    return text if path in DATA else wrap_lists(text)


def used_runtime(programs: Sequence[Program]) -> tuple[str, ...]:
    """Return the runtime files that the kernels call, in an order that compiles."""
    used = {part for function in all_functions(programs) for part in function.kernel.uses}
    used |= {part for decoding in all_decodings(programs) for part in decoding.uses}
    operands = [
        (operand, layer.rows)
        for program in programs
        for layer in program.layers
        for operand in layer.operands
    ]
    if any(not (operand.is_direct or is_plain_row(operand, rows)) for operand, rows in operands):
        used.add("row_places" if any(program.indexes for program in programs) else "rows")
    if any(operand.clipped for operand, _ in operands):
        used.add("position")
    if any(len(nest.layers) > 1 for program in programs for nest in program.nests):
        used.add("least")
    return tuple(part for part in RUNTIME if part in used)


def used_parts(programs: Sequence[Program]) -> tuple[Part, ...]:
    """Return the functions that kernels share, or that decode their weights, each once."""
    parts = [part for f in all_functions(programs) for part in f.parts]
    parts += [part for decoding in all_decodings(programs) for part in decoding.parts]
    return tuple(dict.fromkeys(parts))


def shared_loops(programs: Sequence[Program]) -> frozenset[str]:
    """Return the runtime files whose inner loops are one function: those of several kernels, where
    bytes of code count.
    """
    if not any(program.compact for program in programs):
        return frozenset()
    users = Counter(part for f in all_functions(programs) for part in f.kernel.uses)
    return frozenset(part for part, count in users.items() if count > INLINED)


def _arena_declarations(program: Program) -> tuple[str, ...]:
    """Return the declarations by which public functions name what addresses count from."""
    bases = [arena_base(arena.memory) for arena in program.interface.blocks]
    return tuple(
        f"int8_t *const {PUBLIC.get(base, base)} = (int8_t *){member(base)};" for base in bases
    )


def _arena(name: str, arena: Arena) -> ArenaView:
    return ArenaView(
        member=arena.memory,
        macro=f"{name.upper()}_ARENA_{arena.memory.upper()}",
        section=f".{name}_arena_{arena.memory}",
        region=arena.memory.upper(),
        size=arena.size_bytes,
        align=arena.align,
    )


def _sections(programs: Sequence[Program]) -> tuple[str, ...]:
    """Return the memories of constants; "" is the one place for all."""
    return tuple(dict.fromkeys(m for p in programs for m in p.interface.sections)) or ("",)


def _section(name: str, memory: str) -> SectionView:
    section = f".{name}_const_{memory}" if memory else ""
    return SectionView(_placement(name, memory), section, memory.upper())


def _placement(name: str, memory: str) -> str:
    return f"{name.upper()}_CONST_{memory.upper()}" if memory else f"{name.upper()}_CONST"


def _array(name: str, constant: Constant) -> ArrayView:
    return ArrayView(
        constant.name,
        constant.ctype,
        constant.values.size,
        comment_block((constant.comment,)),
        _value_lines(constant.values),
        _placement(name, constant.memory),
    )


def _golden(
    name: str, kind: str, ports: tuple[Port, ...], arrays: tuple[Array, ...]
) -> tuple[ArrayView, ...]:
    return tuple(
        ArrayView(
            f"{name}_golden_{kind}{suffix(i, len(arrays))}",
            port.dtype.ctype,
            array.size,
            (f"golden {kind}",),
            _value_lines(array),
        )
        for i, (port, array) in enumerate(zip(ports, arrays, strict=bool(arrays)))
    )


def _value_lines(values: Array) -> tuple[str, ...]:
    """Return the values as C literals with commas, in lines of equal count within 100 columns."""
    if values.dtype.kind == "f":
        texts = [float_literal(value) for value in values.ravel()]
    else:
        texts = [_literal(value) for value in values.ravel().tolist()]
    per_line = (COLUMNS - 4) // (max(map(len, texts)) + 2)
    return tuple(", ".join(texts[i : i + per_line]) + "," for i in range(0, len(texts), per_line))


def _literal(value: int) -> str:
    """Return an integer constant; the least ones have no literal of their own in C."""
    if value in (-(2**31), -(2**63)):
        return f"({value + 1} - 1)"
    return f"{value:d}u" if value >= 2**63 else f"{value:d}"
