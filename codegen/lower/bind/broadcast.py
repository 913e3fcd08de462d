"""Bind Elementwise: loops over what broadcasts, and the function of one element."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from codegen.ir.op import Signature
from codegen.ir.types import Array, DType
from codegen.lower.bind.binding import Binding, Data, rescale_params
from codegen.ops import Cast, Elementwise
from codegen.ops.cast import Steps
from codegen.ops.elementwise import differs_by_row, has_rows_of
from codegen.ops.rounded import COMPARED, LINEAR, Linear, Power, Product, Quotient, WideQuotient

NAMES = "abcdefghijklmnopqrstuvw"
"""Of operands in C."""

PLAIN = {
    "add": "({u})a + ({u})b",
    "bit_and": "a & b",
    "bit_not": "~a",
    "bit_or": "a | b",
    "bit_xor": "a ^ b",
    "equal": "(a == b) ? 1 : 0",
    "greater": "(a > b) ? 1 : 0",
    "greater_equal": "(a >= b) ? 1 : 0",
    "less": "(a < b) ? 1 : 0",
    "less_equal": "(a <= b) ? 1 : 0",
    "max": "(a > b) ? a : b",
    "min": "(a < b) ? a : b",
    "mul": "({u})a * ({u})b",
    "not": "(a == 0) ? 1 : 0",
    "shift_left": "(({u})b < {bits}U) ? (({u})a << b) : 0",
    "sub": "({u})a - ({u})b",
    "where": "(a != 0) ? b : c",
}
"""Of integers a, b and c; {u} is their unsigned type."""
SIGNED = {
    "abs": "(a < 0) ? (0U - ({u})a) : ({u})a",
    "neg": "0U - ({u})a",
    "shift_right": "a >> ((({u})b < {bits}U) ? b : {most})",
    "sign": "(a > 0) ? 1 : ((a < 0) ? -1 : 0)",
}
UNSIGNED = {
    "abs": "a",
    "neg": "0U - a",
    "shift_right": "(b < {bits}U) ? (a >> b) : 0",
    "sign": "(a > 0) ? 1 : 0",
}
WRAPPING = ("add", "mul", "sub", "shift_left", "abs", "neg")
"""Those whose expression has the unsigned type."""
COMPARE = {
    "equal": "(apart < {near}) && (apart > -{near})",
    "greater": "apart >= {near}",
    "greater_equal": "apart > -{near}",
    "less": "apart <= -{near}",
    "less_equal": "apart < {near}",
}


Element = tuple[str, Mapping[str, object], tuple[Data, ...]]
"""The template of one element, what it is told, and its tables."""


@dataclass(frozen=True, slots=True)
class Loops:
    """`inner` elements side by side in the result, `outer` times; strides of each operand.

    `starts` are the terms of where an operand begins in the outer loop.
    """

    outer: int
    inner: int
    strides: tuple[int, ...]
    starts: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class OperandView:
    """An operand as C text: parameters of row and element, and how elements are read in turn."""

    parameter: str
    taken: str
    pointer: str
    declaration: str
    load: str
    advance: str


def bind_elementwise(op: Elementwise, signature: Signature) -> Binding:
    """Loops over a row of the result, and the numbers of the function."""
    kind = f"{op.kind}_{signature.output.dtype.value}" if op.exact else op.kind
    return bind_loops(signature, kind, op.kind.replace("_", " "), element(op, signature))


def bind_cast(op: Cast, signature: Signature) -> Binding:
    """The same loops over one operand, whose elements get another type."""
    source = signature.inputs[0].dtype if op.exact else DType.FLOAT32
    words = f"{source.value} as {op.dtype.value}"
    kind = f"{source.value}_to_{op.dtype.value}"
    return bind_loops(signature, kind, words, cast_element(op, signature))


def bind_loops(signature: Signature, stem: str, words: str, element: Element) -> Binding:
    """Loops over a row of the result; `words` say what is made of each element."""
    y, loops = signature.output, make_loops(signature)
    count = len(signature.inputs)
    is_held = [constant is not None for constant in signature.constants]
    kinds = [kind for kind, held in zip(signature.inputs, is_held, strict=True) if not held]
    walks = any(kind.dtype.size_bytes > 1 for kind in (*kinds, y))
    views = tuple(view_operand(signature, loops, index, walks) for index in range(count))
    body, params, tables = element
    operands = tuple(
        Data(f"operand_{name}", kind.dtype.ctype, constant, f"operand {name}")
        for name, kind, constant in zip(NAMES, signature.inputs, signature.constants, strict=False)
        if constant is not None
    )
    declared = [view.parameter for view, held in zip(views, is_held, strict=True) if not held]
    declared += ["int8_t *out"]
    declared += [view.parameter for view, held in zip(views, is_held, strict=True) if held]
    told = [f"const {table.ctype} *{table.role}" for table in tables]
    row = ["int32_t row"] if differs_by_row(signature) else []
    shape = f"{loops.outer}x{loops.inner}" if loops.outer > 1 else f"{loops.inner}"
    return Binding(
        f"{stem}_{shape}",
        f"One row of {words}, element by element",
        {
            "parameters": ", ".join((*declared, *told, *row)),
            "taken": ", ".join((*(view.taken for view in views), *told)),
            "arguments": ", ".join((*NAMES[:count], *(table.role for table in tables))),
            "pointers": tuple(view.pointer for view in views if view.pointer),
            "operands": views,
            "outer": loops.outer,
            "inner": loops.inner,
            "walks": walks,
            "body": f"kernels/elementwise/{body}.c.j2",
            "size": y.dtype.size_bytes,
            "ctype": y.dtype.ctype,
            **params,
        },
        (*operands, *tables),
    )


def make_loops(signature: Signature) -> Loops:
    """Join the dimensions of a row that lie side by side in all operands."""
    shape = signature.output.shape
    first = 1 if len(shape) > 1 else 0
    steps = [broadcast_steps(kind.shape, shape)[first:] for kind in signature.inputs]
    dims: list[tuple[int, tuple[int, ...]]] = []
    for axis in reversed(range(len(shape) - first)):
        size, strides = shape[first + axis], tuple(step[axis] for step in steps)
        if size == 1:
            continue
        if dims and strides == tuple(dims[0][0] * stride for stride in dims[0][1]):
            dims[0] = (size * dims[0][0], dims[0][1])
        else:
            dims.insert(0, (size, strides))
    *outer, (inner, strides) = dims or [(1, (0,) * len(steps))]
    sizes = [size for size, _ in outer]
    starts = tuple(start_terms(sizes, [s[index] for _, s in outer]) for index in range(len(steps)))
    return Loops(math.prod(sizes), inner, strides, starts)


def broadcast_steps(own: tuple[int, ...], shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return what a step along each dimension of the result means in an operand, in elements.

    >>> broadcast_steps((3, 1), (2, 3, 4))
    (0, 1, 0)
    """
    padded = (1,) * (len(shape) - len(own)) + own
    return tuple(
        0 if size == 1 else math.prod(padded[axis + 1 :]) for axis, size in enumerate(padded)
    )


def start_terms(sizes: Sequence[int], strides: Sequence[int]) -> tuple[str, ...]:
    """Return where an operand begins at `n` of the outer loop, as terms of a sum.

    >>> start_terms((2, 3), (0, 7)), start_terms((2, 3), (5, 1))
    (('(n % 3) * 7',), ('(n / 3) * 5', 'n % 3'))
    """
    terms = []
    for axis, (size, stride) in enumerate(zip(sizes, strides, strict=True)):
        if stride == 0:
            continue
        below = math.prod(sizes[axis + 1 :])
        index = "n" if below == 1 else f"n / {below}"
        if axis > 0:
            index = f"{index} % {size}" if below == 1 else f"({index}) % {size}"
        if stride > 1:
            index = f"{index} * {stride}" if index == "n" else f"({index}) * {stride}"
        terms.append(index)
    return tuple(terms)


def view_operand(signature: Signature, loops: Loops, index: int, walks: bool) -> OperandView:
    """Return an operand's texts: computed ones are bytes, constants of their own type.

    Where it `walks`, a pointer moves along computed operands; gcc 12 takes a function for one
    without effects that reads and writes elements of different sizes by one index.
    """
    kind, name = signature.inputs[index], NAMES[index]
    is_computed = signature.constants[index] is None
    unit = kind.dtype.size_bytes if is_computed else 1
    ctype = "int8_t" if is_computed else kind.dtype.ctype
    starts = loops.starts[index]
    if not is_computed and has_rows_of(kind, signature.output):
        starts = (f"row * {math.prod(kind.shape[1:])}", *starts)
    step, held = loops.strides[index] * unit, working_type(kind.dtype)
    moves = walks and is_computed and step > 0
    source = f"{name}_row" if starts or moves else f"{name}_in"
    begin = " + ".join(
        [f"{name}_in", *(f"({scaled(t, unit)})" if " " in t or unit > 1 else t for t in starts)]
    )
    pointer = f"const {ctype} *{'' if moves else 'const '}{source} = {begin};"
    load = ""
    if unit > 1:
        declaration = f"{kind.dtype.ctype} {name};"
        load = f"memcpy(&{name}, {source}, sizeof {name});"
    else:
        place = "0" if moves else {0: "0", 1: "k"}.get(step, f"k * {step}")
        cast = "(uint8_t)" if is_computed and kind.dtype is DType.UINT8 else ""
        declaration = f"const {held} {name} = {cast}{source}[{place}];"
    return OperandView(
        f"const {ctype} *{name}_in",
        f"{held} {name}",
        pointer if source != f"{name}_in" else "",
        declaration,
        load,
        f"{source} += {step};" if moves else "",
    )


def scaled(term: str, unit: int) -> str:
    """Return a term in bytes."""
    if unit == 1:
        return term
    return f"({term}) * {unit}" if " " in term else f"{term} * {unit}"


def working_type(dtype: DType) -> str:
    """Return the C type in which elements are computed with."""
    if dtype is DType.FLOAT32:
        return dtype.ctype
    size = "64" if dtype.size_bytes == 8 else "32"
    is_signed = dtype.min < 0 or dtype is DType.BOOL
    return f"int{size}_t" if is_signed else f"uint{size}_t"


def element(op: Elementwise, signature: Signature) -> Element:
    """Return the template of one element, what it is told, and its tables."""
    if op.exact:
        return exact_element(op, signature)
    p = op.params(signature)
    if isinstance(p, Linear):
        return linear_element(op.kind, p)
    if isinstance(p, Product):
        told = {"zeros": p.zeros, "multipliers": p.rescale.multipliers}
        body = "prelu" if op.kind == "prelu" else "product"
        return body, {**told, **rescale_params(p.rescale)}, ()
    if isinstance(p, Quotient):
        factors = {"multiplier": p.multiplier, "scale": 1 << p.shift}
        return "quotient", {"zeros": p.zeros, "zero": p.zero, **factors}, ()
    if isinstance(p, WideQuotient):
        multiplier = {"multiplier": p.rescale.multipliers[0]}
        return "quotient16", {**multiplier, **rescale_params(p.rescale)}, ()
    assert isinstance(p, Power)
    tables = (
        Data("logs", "int32_t", p.logs, "log2 |a|, in 2^-18 of b's scale, from -128 up"),
        Data("powers", "int32_t", p.powers, "2^(22 + i / 256)"),
        Data("odd", "int8_t", p.odd, "1 where b is odd, from -128 up"),
    )
    return "power", {"zeros": p.zeros, "offset": p.offset, "zero": p.zero}, tables


def linear_element(kind: str, p: Linear) -> Element:
    """Operands in one unit, and what is made of them."""
    names = NAMES[1:3] if kind == "where" else NAMES
    terms = tuple(
        {"name": name, "multiplier": multiplier, "offset": offset}
        for name, multiplier, offset in zip(names, p.multipliers, p.offsets, strict=False)
    )
    held = "int64_t" if p.wide else "int32_t"
    told = {
        "terms": terms,
        "offset": p.offset,
        "shift": p.shift,
        "low": p.low,
        "high": p.high,
        "wide": p.wide,
        "held": held,
        "cast": f"({held})" if p.wide else "",
    }
    if kind in COMPARED:
        apart = p.offsets[0] + p.offsets[1]
        condition = COMPARE[kind].format(near=p.high)
        return "compare", {**told, "offset": apart, "condition": condition}, ()
    if kind in LINEAR:
        return "sum", {**told, "offset": p.offset + sum(p.offsets)}, ()
    if kind in ("max", "min"):
        return "pick", {**told, "relation": ">" if kind == "max" else "<"}, ()
    if kind == "where":
        return "where", told, ()
    return "remainder", {**told, "follows_divisor": kind == "mod"}, ()


def exact_element(op: Elementwise, signature: Signature) -> Element:
    """Integers as they are."""
    dtype = signature.inputs[-1].dtype
    held = working_type(dtype)
    unsigned = held if held.startswith("u") else f"u{held}"
    told = {"held": held, "unsigned": unsigned, "is_signed": held != unsigned}
    if op.kind in ("div", "mod", "fmod", "pow"):
        return f"exact_{op.kind}", told, ()
    plain = {**PLAIN, **(UNSIGNED if held == unsigned else SIGNED)}
    bits = 8 * dtype.size_bytes
    expression = plain[op.kind].format(u=unsigned, bits=bits, most=bits - 1)
    result = unsigned if op.kind in WRAPPING else held
    if signature.output.dtype is DType.BOOL:
        result = "int32_t"
    return "exact", {**told, "expression": expression, "result": result}, ()


def cast_element(op: Cast, signature: Signature) -> Element:
    """An integer as another, or in steps; of a real, what each int8 is."""
    p = op.params(signature)
    x, y = signature.inputs[0].dtype, signature.output.dtype
    held = working_type(x)
    if isinstance(p, Steps):
        return steps_element(p, x)
    if p is None:
        expression = "(a != 0) ? 1 : 0" if y is DType.BOOL else "a"
        return "exact", {"expression": expression, "result": held}, ()
    kind = next(kind for kind in DType if fits(p, kind))
    table = Data("table", kind.ctype, p, "each int8 as an integer, from -128 up")
    return "exact", {"expression": "table[a + 128]", "result": working_type(kind)}, (table,)


def fits(data: Array, kind: DType) -> bool:
    """The integers are all of a type."""
    is_integer = kind not in (DType.FLOAT32, DType.BOOL)
    return is_integer and kind.min <= int(data.min()) and int(data.max()) <= kind.max


def steps_element(p: Steps, x: DType) -> Element:
    """An integer in steps, where it is one that has some; else the nearest."""
    kept = f"(a > {p.most}) ? {p.most} : a" if p.most < x.max else "a"
    if p.least > x.min:
        kept = f"(a < {p.least}) ? {p.least} : ({kept})"
    told = {"zero": p.zero_point, "low": p.low, "high": p.high, "shift": p.shift}
    wide = p.bits == 64
    numbers = {
        name: f"INT64_C({number})" if wide else number
        for name, number in (("multiplier", p.multiplier), ("offset", p.offset))
    }
    held = {"kept": kept, "held": working_type(x), "wide": f"int{p.bits}_t"}
    return "steps", {**told, **numbers, **held}, ()
