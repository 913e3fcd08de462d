"""Findings: problems with the node that each is about, and where that node is from."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import onnx
from onnx import helper

from codegen.errors import CodegenError
from codegen.frontend import loc_of

SHOWN_VALUES = 8
"""An attribute of more values is not written out."""
TRACE_LINE = re.compile(r'File "([^"]+)", line (\d+)')
DOC_LINE = re.compile(r"^\s*([^\s()]+\.py)\((\d+)\)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Finding:
    """One problem.

    `code` and `exit_status` are those of the error, `where` names file and node. `attributes` are
    those of the node that the message speaks of. `scope` is the module and `source` the line that
    the node was exported from, where the exporter wrote them down; each is "" where unknown.
    """

    code: str
    exit_status: int
    message: str
    where: str
    node: str
    operator: str
    attributes: tuple[tuple[str, str], ...]
    scope: str
    source: str
    hint: str


def find_all(
    errors: Sequence[CodegenError], model: onnx.ModelProto, file: str
) -> tuple[Finding, ...]:
    """Return the problems of all errors, each once, in the errors' order."""
    nodes = {str(loc_of(proto, file)): proto for proto in model.graph.node}
    return tuple(dict.fromkeys(finding for error in errors for finding in _findings(error, nodes)))


def _findings(error: CodegenError, nodes: Mapping[str, onnx.NodeProto]) -> Iterator[Finding]:
    for problem in error.problems:
        proto = nodes.get(problem.where, onnx.NodeProto())
        yield Finding(
            error.code,
            error.exit_status,
            problem.message,
            problem.where,
            loc_of(proto, "").node if proto.op_type else "",
            proto.op_type,
            tuple(_mentioned(proto, problem.message)),
            scope_of(proto),
            source_of(proto),
            problem.hint,
        )


def _mentioned(proto: onnx.NodeProto, message: str) -> Iterator[tuple[str, str]]:
    """Yield the attributes whose names are in the message, with their values as text."""
    for attribute in proto.attribute:
        if not re.search(rf"\b{re.escape(attribute.name)}\b", message):
            continue
        value = helper.get_attribute_value(attribute)
        if isinstance(value, bytes):
            yield attribute.name, value.decode(errors="replace")
        elif isinstance(value, int | float) or (
            isinstance(value, Sequence) and len(value) <= SHOWN_VALUES
        ):
            yield attribute.name, str(value)


def scope_of(proto: onnx.NodeProto) -> str:
    """Return the module that the exporter says the node is from."""
    notes = {entry.key: entry.value for entry in proto.metadata_props}
    if notes.get("namespace"):
        return str(notes["namespace"]).strip("/")
    scopes = notes.get("pkg.torch.onnx.name_scopes", "")
    try:
        parts = [part for part in ast.literal_eval(scopes) if part] if scopes else []
    except (SyntaxError, ValueError):
        return str(scopes)
    return str(parts[-1]) if parts else ""


def source_of(proto: onnx.NodeProto) -> str:
    """Return file and line of the code that the node was exported from, innermost first.

    >>> from onnx import helper
    >>> source_of(helper.make_node("Relu", ["x"], ["y"], doc_string="net.py(12): forward"))
    'net.py:12'
    """
    notes = {entry.key: entry.value for entry in proto.metadata_props}
    trace = TRACE_LINE.findall(notes.get("pkg.torch.onnx.stack_trace", ""))
    lines = trace[-1:] or TRACE_LINE.findall(proto.doc_string)[-1:]
    lines = lines or DOC_LINE.findall(proto.doc_string)[:1]
    return ":".join(lines[0]) if lines else ""
