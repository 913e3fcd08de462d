"""The statements of a layer: decode weights that take fewer bits, call the kernel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from codegen.ir.program import Decoding, Function, KernelCall, Layer, Operand


def body(layer: Layer) -> tuple[str, ...]:
    """Return the statements that make a row."""
    if delivers(layer):
        ctype = str(layer.function.params["ctype"])
        (row,) = _operand_arguments(layer)
        return (f"sink(user, row, {cast(row, ctype, 'int8_t')});",)
    if layer.decoding is not None:
        return decoded_body(layer, layer.decoding)
    given = (*layer.constants, *(("scratch",) if layer.scratch_offset is not None else ()))
    return (_kernel_call(layer, layer.function, _result(layer), given, "shape"),)


def delivers(layer: Layer) -> bool:
    """The layer hands rows to the caller."""
    return layer.function.kernel.delivers


def decoded_body(layer: Layer, decoding: Decoding) -> tuple[str, ...]:
    """Return the statements that decode weights and call the kernel: once for all rows, or for
    some filters at a time.
    """
    if decoding.once:
        (call,) = decoding.calls
        decode = (f"{_decode(decoding, call, decoding.codes)};", *_spread(decoding, call, "0"))
        if layer.rows > 1:
            decode = ("if (row == 0) {", *indented(decode), "}")
        return (*decode, _decoded_call(layer, decoding, call, "0"))
    lines: list[str] = []
    first = 0
    for call in decoding.calls:
        end = first + call.filters * call.times
        is_loop = call.times > 1
        filter_ = "f" if is_loop else str(first)
        inside = (
            f"codes = {_decode(decoding, call, 'codes')};",
            *_spread(decoding, call, filter_),
            _decoded_call(layer, decoding, call, filter_),
        )
        loop = f"for (int32_t f = {first}; f < {end}; f += {call.filters}) {{"
        lines += (loop, *indented(inside), "}") if is_loop else inside
        first = end
    return tuple(lines)


def indented(lines: Sequence[str]) -> tuple[str, ...]:
    """Return statements as those of a block."""
    return tuple(f"    {line}" for line in lines)


def _decode(decoding: Decoding, call: KernelCall, codes: str) -> str:
    given = (codes, *decoding.tables, _aside(decoding, call), str(call.weights))
    return f"{decoding.decode}({', '.join(given)})"


def _aside(decoding: Decoding, call: KernelCall) -> str:
    """Return where weights of a call are decoded: so that they end where their room does."""
    offset = call.packs * decoding.pack_bytes - call.weights if decoding.spread else 0
    return place("scratch", offset)


def _spread(decoding: Decoding, call: KernelCall, filter_: str) -> tuple[str, ...]:
    if not decoding.spread:
        return ()
    ends = (_at(decoding.ends, filter_, decoding.end_words),) if decoding.ends else ()
    count = str(call.weights // call.packs)
    given = (_aside(decoding, call), *ends, str(call.packs), count, "scratch")
    return (f"{decoding.spread}({', '.join(given)});",)


def _decoded_call(layer: Layer, decoding: Decoding, call: KernelCall, filter_: str) -> str:
    """Return the call of the kernel on weights in its scratch."""
    size = 2 if call.function.params["int16"] else 1
    result = _result(layer) if decoding.once else _at("out", filter_, size)
    own = () if decoding.own_scratch is None else (place("scratch", decoding.own_scratch),)
    constants = (_at(name, filter_, 1) for name in layer.constants)
    given = (cast("scratch", decoding.ctype, "int8_t"), *constants, *own)
    return _kernel_call(layer, call.function, result, given, _shape_name(decoding, call))


def _shape_name(decoding: Decoding, call: KernelCall) -> str:
    return "shape" if call is decoding.calls[0] else "last_shape"


def _at(pointer: str, filter_: str, step: int) -> str:
    """Return where what belongs to a filter stands, `step` elements from one to the next."""
    if filter_ == "0":
        return pointer
    if filter_.isdigit():
        return f"{pointer} + {int(filter_) * step}"
    return f"{pointer} + {filter_}" if step == 1 else f"{pointer} + ({step} * {filter_})"


def _operand_arguments(layer: Layer) -> list[str]:
    return [argument(operand, layer.rows) for operand in layer.operands]


def _result(layer: Layer) -> str:
    rows = 1 if layer.function.kernel.accumulates else layer.rows
    return row_pointer("y", "row", layer.output_pitch, layer.output_kept, rows)


def _kernel_call(
    layer: Layer, function: Function, result: str, given: Sequence[str], shape: str
) -> str:
    """Return the call of a kernel that is given constants and scratch; `shape`: name of its own."""
    kernel = function.kernel
    arguments = [*_operand_arguments(layer), result, *given]
    if kernel.indexes:
        arguments.insert(0, layer.output_base)
    if kernel.accumulates or kernel.knows_row:
        arguments.append("row")
    if function.fields:
        arguments.append(f"&{shape}")
    return f"{function.name}({', '.join(arguments)});"


def shapes(layer: Layer) -> tuple[str, ...]:
    """Return the declarations of what kernels are told, where they do not know all."""
    decoding = layer.decoding
    if decoding is None:
        return _shape(layer.function, layer.shape, "shape")
    found = (_shape(c.function, c.shape, _shape_name(decoding, c)) for c in decoding.calls)
    return tuple(line for shape in found for line in shape)


def declarations(layer: Layer) -> tuple[str, ...]:
    """Return the declarations of where codes begin, and the channels of some filters."""
    if layer.decoding is None or layer.decoding.once:
        return ()
    return f"const int8_t *codes = {layer.decoding.codes};", f"int8_t *out = {_result(layer)};"


def _shape(function: Function, shape: tuple[int, ...], name: str) -> tuple[str, ...]:
    if not shape:
        return ()
    return (f"static const {function.name}_shape {name} = {{ {', '.join(map(str, shape))} }};",)


def argument(operand: Operand, calls: int) -> str:
    """Return what a kernel is given for an operand, by a layer that is called `calls` times."""
    if not operand.is_direct:
        return f"{operand.name}_rows"
    if operand.kept == operand.height:
        pitch = operand.stride * operand.pitch
        return row_pointer(operand.name, "row", pitch, operand.kept, calls)
    row = "row" if operand.stride == 1 else f"(row * {operand.stride})"
    return row_pointer(operand.name, row, operand.pitch, operand.kept, operand.height)


def row_pointer(name: str, row: str, pitch: int, kept: int, rows: int) -> str:
    """Return the pointer to a row of a value of which `kept` rows are in memory."""
    if rows == 1 or kept == 1:
        return name
    return (
        f"{name} + (({row} % {kept}) * {pitch})" if kept < rows else f"{name} + ({row} * {pitch})"
    )


def place(base: str, offset: int | None) -> str:
    """Return the address of a byte; "" where there is no offset."""
    if offset is None:
        return ""
    return f"{base} + {offset}" if offset else base


@dataclass(frozen=True, slots=True)
class Finding:
    """How a layer says where its bytes are: the declarations of what it reads, writes, of rows."""

    read: str
    write: str
    row: str
    by_place: bool

    def at(self, base: str, offset: int | None) -> str:
        """Return where a byte is; "" where there is no offset."""
        return str(offset) if self.by_place and offset is not None else place(base, offset)


BY_POINTER = Finding("const int8_t *const ", "int8_t *const ", "const int8_t *", by_place=False)
BY_PLACE = Finding("const int32_t ", "const int32_t ", "int32_t ", by_place=True)


def finding(layer: Layer) -> Finding:
    """Return how a layer's kernel finds bytes."""
    return BY_PLACE if layer.function.kernel.indexes else BY_POINTER


def cast(pointer: str, to: str, ctype: str) -> str:
    """Return a pointer to const `ctype` as one to const `to`."""
    if to == ctype:
        return pointer
    through = "" if "int8_t" in to else "(const void *)"
    return f"(const {to} *){through}{f'({pointer})' if ' ' in pointer else pointer}"
