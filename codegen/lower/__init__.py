"""Lower a schedule and its plan to a Program: final names, numbers, packed weights, offsets."""

from __future__ import annotations

import math
import re
import zlib
from collections.abc import Sequence
from dataclasses import replace

from codegen.errors import Problem, UnsupportedOperator
from codegen.ir.engine import Shape
from codegen.ir.graph import Graph, Node
from codegen.ir.interface import Interface, Port
from codegen.ir.memory import MemoryPlan
from codegen.ir.program import (
    Constant,
    Function,
    Layer,
    Nest,
    Operand,
    Place,
    Program,
    State,
    arena_base,
    is_arena,
)
from codegen.ir.schedule import PUSHED, SINK, Schedule, Step
from codegen.lower.bind import Binding, Data, bind
from codegen.lower.certify import certify
from codegen.lower.coded import CodedBinding, bind_coded, plain, with_decoding
from codegen.lower.rtl import bind_commands
from codegen.lower.shapes import share_shapes
from codegen.plan.lifetimes import STATE, counter_bytes, scratch_name
from codegen.schedule.rows import calls, operand_windows, shows_rows

__all__ = ["certify", "lower", "make_interface"]


def lower(
    schedule: Schedule,
    plan: MemoryPlan,
    name: str,
    *,
    target: str,
    model: str,
    digest: str,
    library: str = "",
    beside: Sequence[Program] = (),
    compact: bool = False,
    engine: Shape | None = None,
) -> Program:
    """Return the program of a scheduled and planned graph.

    `name` is the C identifier; target, model and digest go into the banner. `library` names the
    files it shares with other networks, `beside` are those lowered before: functions and
    constants that they have are shared. `compact` and `engine` as in `Program`. Raises
    UnsupportedOperator with every node whose form its kernel does not take.
    """
    graph = schedule.graph
    bound = _share_shapes(schedule, _bind_all(schedule, engine))
    functions = _Functions(beside)
    constants = _Constants(name, beside)
    interface = make_interface(schedule, plan, name, library)
    layers = []
    for index, (step, binding) in enumerate(zip(schedule.steps, bound, strict=True)):
        calls = [functions.share(step, call) for call in binding.calls]
        names = tuple(constants.share(index, step.node, data) for data in binding.data)
        layer = _layer(schedule, plan, index, calls[0], binding.calls[0], names)
        if isinstance(binding, CodedBinding):
            layer = with_decoding(layer, schedule, step, binding, tuple(calls))
        layers.append(replace(layer, name=interface.prefix + layer.name))
    return Program(
        interface=interface,
        functions=functions.all,
        nests=_nests(schedule, plan, tuple(layers)),
        constants=constants.all,
        input_places=tuple(_port_place(schedule, plan, value) for value in graph.inputs),
        output_places=tuple(_port_place(schedule, plan, value) for value in graph.outputs),
        state=_state(schedule, plan, f"{name} {digest}"),
        target=target,
        model=model,
        digest=digest,
        macs=graph.macs,
        compact=compact,
        engine=engine,
    )


def _nests(schedule: Schedule, plan: MemoryPlan, layers: tuple[Layer, ...]) -> tuple[Nest, ...]:
    found = []
    for first, end in schedule.spans:
        inside = layers[first:end]
        bases = in_order(schedule, plan, {base for layer in inside for base in layer.bases})
        found.append(Nest(inside, schedule.needs[first:end], schedule.wants[first:end], bases))
    return tuple(found)


def in_order(schedule: Schedule, plan: MemoryPlan, bases: set[str]) -> tuple[str, ...]:
    """Return the bases that a function counts from, in the order of its parameters."""
    arenas = [arena_base(arena.memory) for arena in plan.arenas] or [arena_base("")]
    return tuple(base for base in (*arenas, *schedule.abroad.values()) if base in bases)


def _port_place(schedule: Schedule, plan: MemoryPlan, value: str) -> Place | None:
    base, offset = address(schedule, plan, value)
    return Place(base, offset) if is_arena(base) else None


def _state(schedule: Schedule, plan: MemoryPlan, network: str) -> State | None:
    """Return what is kept between pushed rows; its mark is that of no other network."""
    buffer = next((buffer for buffer in plan.buffers if buffer.name == STATE), None)
    if buffer is None:
        return None
    counted = [calls(schedule.graph, step) for step in schedule.nests[0]]
    mark = zlib.crc32(network.encode())
    base = arena_base(plan.home_of(STATE))
    return State(base, plan.offsets[STATE], buffer.size_bytes, counter_bytes(counted), mark)


def make_interface(schedule: Schedule, plan: MemoryPlan, name: str, library: str = "") -> Interface:
    """Return what a caller of the C sees."""
    graph = schedule.graph
    align = math.lcm(*(buffer.align for buffer in plan.buffers))
    return Interface(
        name,
        tuple(make_port(graph, value) for value in graph.inputs),
        tuple(make_port(graph, value) for value in graph.outputs),
        plan.size_bytes,
        align,
        schedule.transfer,
        library,
        plan.arenas,
    )


def make_port(graph: Graph, value: str) -> Port:
    """Return an input or output of a graph as a port."""
    port, origin = graph.types[value], graph.origin(value)
    assert port.quant is not None
    return Port(
        origin.tensor,
        port.shape,
        port.quant.scale,
        port.quant.zero_point,
        origin.perm,
        port.dtype,
        origin.batched,
    )


def _bind_all(schedule: Schedule, engine: Shape | None) -> list[Binding | CodedBinding]:
    """Bind every step; raise once for all that cannot be."""
    bindings: list[Binding | CodedBinding] = []
    problems = []
    for step in schedule.steps:
        signature = schedule.graph.signature(step.node)
        try:
            if engine is not None:
                bindings.append(_bind_commands(schedule, step, engine))
                continue
            kernel = f"{step.kernel.family}/{step.kernel.name}"
            binding = _spread(schedule, step, bind(kernel, step.node.op, signature))
            is_coded = step.kernel.decodes > 0
            bindings.append(bind_coded(step, signature, binding) if is_coded else binding)
        except ValueError as error:
            problems.append(Problem(str(error), str(step.node.loc)))
    if problems:
        raise UnsupportedOperator.collect(problems)
    return bindings


def _bind_commands(schedule: Schedule, step: Step, engine: Shape) -> Binding:
    """Return the commands of a step."""
    node, graph = step.node, schedule.graph
    operands = tuple(pixel_pitch(schedule, value) for value in graph.activations(node))
    pitches = operands, pixel_pitch(schedule, node.output)
    return bind_commands(step.kernel.name, node.op, graph.signature(node), pitches, engine)


def _share_shapes(
    schedule: Schedule, bound: Sequence[Binding | CodedBinding]
) -> list[Binding | CodedBinding]:
    """Let equal kernels of all calls of all steps read what differs from a shape."""
    kernels = [
        plain(step.kernel) for step, b in zip(schedule.steps, bound, strict=True) for _ in b.calls
    ]
    shared = iter(share_shapes(kernels, [call for binding in bound for call in binding.calls]))
    return [binding.with_calls([next(shared) for _ in binding.calls]) for binding in bound]


def _spread(schedule: Schedule, step: Step, binding: Binding) -> Binding:
    """Tell a kernel how far apart its operands' pixels are, and those of its output."""
    types, suffix = schedule.graph.types, ""
    pitches: dict[str, object] = {}
    if step.kernel.reads_spread:
        operands = schedule.graph.activations(step.node)
        found = tuple(pixel_pitch(schedule, value) for value in operands)
        is_spread = found != tuple(types[value].pixel_bytes for value in operands)
        pitches |= {"in_pitches": found, "is_spread": is_spread}
        suffix += "_from" + "_".join(map(str, found)) if is_spread else ""
    if step.kernel.strided:
        pitch = pixel_pitch(schedule, step.node.output)
        pitches["out_pitch"] = pitch
        suffix += f"_p{pitch}" if pitch != types[step.node.output].pixel_bytes else ""
    return replace(binding, stem=binding.stem + suffix, params={**binding.params, **pitches})


def pixel_pitch(schedule: Schedule, value: str) -> int:
    """Return the bytes from a pixel of a value to the next."""
    kind = schedule.graph.types[value]
    return schedule.locate(value).pixel_pitch or kind.pixel_bytes


class _Functions:
    """Kernel instances; equal ones are shared, others get names of their own."""

    def __init__(self, beside: Sequence[Program]) -> None:
        self._made = {f.name: f for program in beside for f in program.functions}
        self._used: dict[str, Function] = {}

    @property
    def all(self) -> tuple[Function, ...]:
        """Those of this program."""
        return tuple(self._used.values())

    def share(self, step: Step, binding: Binding) -> Function:
        """Return the instance for a step, a new one where none has equal parameters."""
        suffix = ""
        for variant in range(2, len(self._made) + 3):
            name = binding.stem + suffix
            kernel = plain(step.kernel)
            function = Function(name, kernel, binding.summary, binding.params, binding.parts)
            if self._made.setdefault(name, function) == function:
                return self._used.setdefault(name, function)
            suffix = f"_v{variant}"
        raise AssertionError("more variants than functions")


class _Constants:
    """Constant arrays of the weights file; equal tables are stored once."""

    def __init__(self, prefix: str, beside: Sequence[Program]) -> None:
        self._prefix = prefix
        self._made = {
            (constant.ctype, constant.values.tobytes()): constant
            for program in beside
            for constant in program.constants
        }
        self._used: dict[str, Constant] = {}

    @property
    def all(self) -> tuple[Constant, ...]:
        """Those of this program."""
        return tuple(self._used.values())

    def share(self, index: int, node: Node, data: Data) -> str:
        """Return the name of an array with this content."""
        dtype = "float32" if data.ctype == "float" else data.ctype.removesuffix("_t")
        values = data.values.astype(dtype).ravel()
        key = (data.ctype, values.tobytes())
        if key not in self._made:
            name = f"{self._prefix}_{layer_name(index)}_{data.role}"
            comment = f"{_quotable(node.loc.node or node.output)}: {data.comment}"
            self._made[key] = Constant(name, data.ctype, values, comment)
        constant = self._made[key]
        return self._used.setdefault(constant.name, constant).name


def layer_name(index: int) -> str:
    """Return the C name of the layer at a place in the schedule."""
    return f"layer_{index:03d}"


def _layer(
    schedule: Schedule,
    plan: MemoryPlan,
    index: int,
    function: Function,
    binding: Binding,
    constants: tuple[str, ...],
) -> Layer:
    graph, step = schedule.graph, schedule.steps[index]
    node, output = step.node, graph.types[step.node.output]
    operands = _operands(schedule, plan, step)
    output_base, output_offset = address(schedule, plan, node.output)
    scratch_base = arena_base(plan.home_of(scratch_name(step)))
    bases = {output_base, *(operand.base for operand in operands)}
    bases |= {scratch_base} if step.scratch_bytes else set()
    return Layer(
        name=layer_name(index),
        comment=_comment(schedule, plan, step),
        function=function,
        operands=operands,
        bases=in_order(schedule, plan, bases),
        output_base=output_base,
        output_offset=output_offset,
        output_pitch=output.width * pixel_pitch(schedule, node.output),
        output_kept=rows_kept(schedule, node.output),
        rows=calls(graph, step),
        constants=constants,
        shape=binding.shape,
        scratch_base=scratch_base,
        scratch_offset=plan.offsets.get(scratch_name(step)),
    )


def rows_kept(schedule: Schedule, value: str) -> int:
    """Return how many rows of a value are in memory at a time, in rows of its own."""
    if schedule.abroad.get(value) in (PUSHED, SINK):
        return 1
    rows = schedule.graph.types[value].rows
    if schedule.storage(value) in schedule.abroad or not shows_rows(schedule, value):
        return rows
    return min(schedule.rows_kept[schedule.storage(value)], rows)


def address(schedule: Schedule, plan: MemoryPlan, value: str) -> tuple[str, int]:
    """Return where a value's first byte stands: the base, and the offset from it."""
    view = schedule.locate(value)
    if view.host in schedule.abroad:
        return schedule.abroad[view.host], view.offset
    home = plan.home_of(plan.buffer_of(view.host).name)
    return arena_base(home), plan.offset_of(view.host) + view.offset


def _operands(schedule: Schedule, plan: MemoryPlan, step: Step) -> tuple[Operand, ...]:
    graph = schedule.graph
    found = []
    for i, (value, window) in enumerate(operand_windows(graph, step)):
        operand = graph.types[value]
        base, offset = address(schedule, plan, value)
        found.append(
            Operand(
                name=f"x{i}",
                base=base,
                offset=offset,
                pitch=operand.width * pixel_pitch(schedule, value),
                height=operand.rows,
                kept=rows_kept(schedule, value),
                window=window.rows,
                stride=window.stride,
                dilation=window.dilation,
                pad=window.pad,
                divisor=window.divisor,
                clipped=window.clipped,
                is_direct=step.kernel.takes_row or step.kernel.whole,
            )
        )
    return tuple(found)


def _comment(schedule: Schedule, plan: MemoryPlan, step: Step) -> tuple[str, ...]:
    """Return the lines over a layer: its ONNX node, types, cost, and where its values live."""
    graph, node = schedule.graph, step.node
    signature = graph.signature(node)
    place = f"{node.loc.op_type} '{_quotable(node.loc.node)}'" if node.loc.node else node.op.name
    shapes = ", ".join(str(graph.types[value]) for value in graph.activations(node))
    floats = ", in floating point" if step.kernel.in_float else ""
    coding = f", weights decoded from {signature.inputs[1].coding}" if step.kernel.decodes else ""
    kernel = f"{step.kernel.family} kernel{floats}{coding}"
    places = ", ".join(_span(schedule, plan, value) for value in graph.activations(node))
    return (
        f"{place}: {shapes} -> {signature.output}",
        f"{node.op.macs(signature):,} multiply-accumulates, {kernel}",
        f"{places} -> {_span(schedule, plan, node.output)}",
    )


def _span(schedule: Schedule, plan: MemoryPlan, value: str) -> str:
    """Return the bytes of a value, of its ring, or of the value that it is spread over."""
    (base, start), kind = address(schedule, plan, value), schedule.graph.types[value]
    if base in (PUSHED, SINK):
        return f"{base} row"
    pitch, kept = schedule.locate(value).pixel_pitch, rows_kept(schedule, value)
    if pitch is not None:
        return f"{base}, pixels every {pitch} bytes from {start}"
    ring = f" (a ring of {kept})" if kept < kind.rows else ""
    return f"{base} [{start}, {start + kept * kind.row_bytes}){ring}"


def _quotable(text: str) -> str:
    """Return text that cannot end a C comment."""
    return re.sub(r"[^\x20-\x7e]|\*/|/\*", "_", text)
