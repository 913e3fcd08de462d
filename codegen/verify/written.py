"""Whether the header and the C of an emitted folder say what its certificate says."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from codegen.emit.layers import counter, may_run, member, set_rows
from codegen.emit.statements import argument, place, row_pointer
from codegen.errors import Problem, UnreadableFile, VerificationFailed
from codegen.ir.certificate import Certificate, CertifiedStep, Read, Wait
from codegen.ir.interface import Interface
from codegen.ir.program import ARENA, Operand
from codegen.ir.schedule import PUSHED, Need
from codegen.toolchain.ports import arena_blocks
from codegen.verify.plan_json import plan_file

MOST_DIFFERENCES = 5


def check_written(folder: Path, interface: Interface, certificate: Certificate) -> None:
    """Raise VerificationFailed where a size, an offset, a ring or a wait differs."""
    header, source = (
        _read(folder / file) for file in (f"{interface.name}.h", f"{interface.stem}.c")
    )
    found = [
        *_header_differences(header, interface, certificate),
        *_port_differences(source, interface, certificate),
        *_layer_differences(source, certificate),
    ]
    if found:
        plan = plan_file(interface)
        hint = f"{plan} or the C was changed: emit the network again"
        told = [Problem(f"the C and {plan} differ: {text}", hint=hint) for text in found]
        raise VerificationFailed.collect(told[:MOST_DIFFERENCES])


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UnreadableFile(f"cannot read {path}: {error}") from error


def _header_differences(
    header: str, interface: Interface, certificate: Certificate
) -> Iterator[str]:
    """Compare the name, and the arena with that of the header and of the report."""
    if certificate.name != interface.name:
        yield f"the plan is one of {certificate.name}, not of {interface.name}"
    bases = {base.name: base for base in certificate.bases}
    blocks = zip(arena_blocks(interface), interface.blocks, strict=True)
    for (name, prefix), block in blocks:
        base = bases.get(name)
        if base is None:
            yield f"report.json has an arena '{name}' that the plan has not"
            continue
        for macro, size, reported in (
            (f"{prefix}_SIZE", base.size_bytes, block.size_bytes),
            (f"{prefix}_ALIGN", base.align_bytes, block.align),
        ):
            given = re.findall(rf"#define {macro} (\d+)\n", header)
            if given != [str(size)]:
                yield f"{macro} is {' and '.join(given) or 'absent'}, the plan has {size}"
            if reported != size:
                yield f"report.json has an {macro} of {reported}, the plan one of {size}"


def _port_differences(source: str, interface: Interface, certificate: Certificate) -> Iterator[str]:
    """Compare the places of inputs and outputs with what the accessors return."""
    for kind, ports, known in (
        ("input", certificate.inputs, interface.inputs),
        ("output", certificate.outputs, interface.outputs),
    ):
        for index, port in enumerate(ports):
            if port.base is None or port.offset_bytes is None:
                continue
            name = f"{interface.name}_{kind}{f'_{index}' if len(ports) > 1 else ''}"
            body = _body(source, name)
            given = re.findall(r"return \((?:const )?\w+ \*\)([\w>-]+)(?: \+ (\d+))?;", body)
            base, size = member(port.base), known[index].dtype.size_bytes
            elements = str(port.offset_bytes // size)
            if body and given not in ([(base, elements)], [(base, "")]):
                yield f"{name} does not return byte {port.offset_bytes} of {port.base}"


def _layer_differences(source: str, certificate: Certificate) -> Iterator[str]:
    steps, start = certificate.steps, 0
    is_pushed = any(port.base is None for port in certificate.inputs)
    for nest in certificate.nests:
        inside = range(start, start + len(nest.steps))
        outlasting = "state->" if is_pushed and start == 0 else ""
        for index in inside:
            receives = is_pushed and index == 0
            body = _body(source, steps[index].name)
            if not body:
                yield f"there is no {steps[index].name}"
                continue
            yield from _place_differences(body, steps[index], receives)
            if len(inside) > 1 and not receives:
                yield from _wait_differences(source, index, inside, steps, outlasting)
        start = inside.stop


def _body(source: str, function: str) -> str:
    """Return the definition of a function, "" where there is none."""
    found = re.search(rf"^[^\n/]*\b{function}\([^;{{]*\)\n\{{\n(.*?)^\}}", source, re.M | re.S)
    return found[1] if found else ""


def _place_differences(body: str, step: CertifiedStep, receives: bool) -> Iterator[str]:
    """Compare where a layer finds and puts everything, and the rings it reads.

    One that `receives` the rows of the input reads what it is given.
    """
    expected = {f"x{i}": (read.base, read.offset_bytes) for i, read in enumerate(step.reads)}
    if receives:
        expected["x0"] = PUSHED, 0
    for name, part in (("y", step.writes), ("scratch", step.scratch)):
        if part:
            expected[name] = part.base, part.offset_bytes
    given = dict(re.findall(r"int8_t \*const (\w+) = ([^;]+);", body))
    places = re.findall(r"const int32_t (x\d+|y|scratch) = (\d+);", body)
    given |= {name: place(ARENA, int(offset)) for name, offset in places}
    for name, (base, offset) in expected.items():
        if given.pop(name, "") != place(base, offset):
            yield f"{step.name} has its {name} not at {place(base, offset)}"
    yield from (f"{step.name} has a {name} that the plan has not" for name in given)
    code = " ".join(body.split())
    for i, read in enumerate(step.reads):
        if not _is_read_so(code, step, f"x{i}", read):
            yield f"{step.name} reads other rows of its x{i}"
    if step.writes:
        rows = step.calls if step.makes == "rows" else 1
        pitch, kept = step.writes.row_pitch_bytes, step.writes.rows_kept
        if not _has_argument(code, row_pointer("y", "row", pitch, kept, rows)):
            yield f"{step.name} writes other rows of its y"


def _is_read_so(code: str, step: CertifiedStep, name: str, read: Read) -> bool:
    """A layer finds an operand's rows by the pointers that the plan asks for."""
    is_direct = f"{name}_rows[" not in code
    operand = Operand(
        name=name,
        base=read.base,
        offset=read.offset_bytes,
        pitch=read.row_pitch_bytes,
        height=read.rows,
        kept=read.rows_kept,
        window=read.window_rows,
        stride=read.stride,
        dilation=read.dilation,
        pad=read.pad,
        divisor=read.divisor,
        clipped=read.clipped,
        is_direct=is_direct,
    )
    if is_direct:
        return _has_argument(code, argument(operand, step.calls))
    return set_rows(operand, step.calls) in code


def _has_argument(code: str, text: str) -> bool:
    """Some call is given just this, or some variable."""
    return re.search(rf"(?:[(,] ?|= ){re.escape(text)}[,);]", code) is not None


def _wait_differences(
    source: str, index: int, inside: range, steps: tuple[CertifiedStep, ...], outlasting: str
) -> Iterator[str]:
    """Compare when a layer may run in its nest, whose counters may outlast it."""
    step, counters = steps[index], {i: outlasting + counter(steps[i].name) for i in inside}
    expected = may_run(
        counters[index],
        step.calls,
        _with_counters([need for need in step.needs if need.step in inside], counters),
        _with_counters(step.wants, counters),
    )
    given = re.search(rf"if \(([^{{;]*)\) \{{\s+{step.name}\(", source)
    if given is None or " ".join(given[1].split()) != expected:
        yield f"{step.name} does not run when {expected}"


def _with_counters(waits: Sequence[Wait], counters: Mapping[int, str]) -> list[tuple[Need, str]]:
    return [
        (Need(w.step, w.stride, w.reach, w.calls, w.divisor, w.least), counters[w.step])
        for w in waits
    ]
