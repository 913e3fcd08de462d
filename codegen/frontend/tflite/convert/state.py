"""Variables: state that lasts from one inference to the next.

The caller keeps it: each variable is an input of the network and, where it is assigned, an output
`NAME_next`, which the caller hands back with the next inference.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from codegen.frontend.operand import Unsupported
from codegen.frontend.tflite.call import Call
from codegen.frontend.tflite.file import Operator, Subgraph, Tensor


@dataclass(slots=True)
class Variables:
    """By shared name: the tensor each was read as, and what was assigned last.

    `handles` are the tensors by which operators name variables, `ports` the ONNX inputs.
    """

    graphs: tuple[Subgraph, ...]
    handles: dict[int, str] = field(default_factory=dict)
    ports: dict[str, tuple[str, Tensor]] = field(default_factory=dict)
    assigned: dict[str, Tensor] = field(default_factory=dict)


STATEFUL = ("ASSIGN_VARIABLE", "CALL_ONCE", "READ_VARIABLE", "VAR_HANDLE")


def convert_stateful(variables: Variables, call: Call) -> None:
    """Follow one of the STATEFUL operators."""
    kind = call.operator.type
    if kind == "CALL_ONCE":
        check_beginning(variables.graphs, call.option("InitSubgraphIndex"))
    elif kind == "VAR_HANDLE":
        variables.handles[call.result.index] = shared_name(call.operator)
    elif kind == "READ_VARIABLE":
        _read(variables, call)
    else:
        name, tensor = _named(variables, call), call.tensor(1)
        if name in variables.ports:
            _check_format(name, variables.ports[name][1], tensor)
        variables.assigned[name] = tensor


def shared_name(operator: Operator) -> str:
    """Return the name under which operators share a variable."""
    name = operator.options.get("SharedName") or b"state"
    return str(name.decode("utf-8", "replace"))


def _named(variables: Variables, call: Call) -> str:
    name = variables.handles.get(call.tensor(0).index)
    if name is None:
        raise Unsupported(f"operand 0, '{call.tensor(0).name}', is no variable")
    return name


def _read(variables: Variables, call: Call) -> None:
    """Let the result be what was assigned, else the network's input."""
    name, result, writer = _named(variables, call), call.result, call.writer
    if name in variables.assigned:
        _check_format(name, variables.assigned[name], result)
        value = writer.names[variables.assigned[name].index]
    else:
        if name not in variables.ports:
            variables.ports[name] = writer.unique(name), result
        port, first = variables.ports[name]
        _check_format(name, first, result)
        value = port
    writer.add("Identity", [value], [writer.names[result.index]], call.name)


def _check_format(name: str, one: Tensor, other: Tensor) -> None:
    if not one.same_format(other) or one.shape != other.shape:
        raise Unsupported(f"variable '{name}' is read and assigned in different formats")


def check_beginning(graphs: tuple[Subgraph, ...], index: int) -> None:
    """Raise Unsupported where a subgraph that runs once does more than set variables to zero."""
    if not 0 < index < len(graphs):
        raise Unsupported(f"calls subgraph {index}, which is none")
    graph = graphs[index]
    for operator in graph.operators:
        if operator.type not in ("VAR_HANDLE", "ASSIGN_VARIABLE"):
            raise Unsupported(f"computes the first state by {operator.type}", START_AT_ZERO)
        if operator.type == "ASSIGN_VARIABLE" and not _is_zero(graph.tensors[operator.inputs[1]]):
            raise Unsupported("the first state is not zero", START_AT_ZERO)


START_AT_ZERO = "let variables begin as zeros"


def _is_zero(tensor: Tensor) -> bool:
    zero = int(tensor.zero_points[0]) if tensor.is_quantized else 0
    return tensor.data is not None and bool((tensor.data == zero).all())
