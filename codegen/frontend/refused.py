"""Refused nodes: what stands in an ONNX graph for an operator of another format that ONNX lacks.

The importer reports them among its own problems, so that a user learns of all at once.
"""

from __future__ import annotations

from collections.abc import Sequence

import onnx
from onnx import helper

from codegen.frontend.operand import Unsupported

DOMAIN = "codegen.refused"
"""The operator set that refused nodes are from."""


def refused_node(
    op_type: str,
    inputs: Sequence[str],
    outputs: Sequence[str],
    error: Unsupported,
    name: str,
) -> onnx.NodeProto:
    """Return a node that says why its operator is refused."""
    return helper.make_node(
        op_type, inputs, outputs, name, domain=DOMAIN, reason=error.reason, hint=error.hint
    )


def refusal(node: onnx.NodeProto) -> Unsupported:
    """Return what `refused_node` was given."""
    texts = {attribute.name: attribute.s.decode() for attribute in node.attribute}
    return Unsupported(texts["reason"], texts["hint"])
