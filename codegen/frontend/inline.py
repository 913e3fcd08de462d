"""Replace calls of functions by their bodies: the model's own, those that ONNX defines, and ours.

An operator without a converter may be one that ONNX defines by others. Where all of those are
known, they stand in for it; else it stays, and is refused under its own name. Operators of ONNX's
domain for machine learning have bodies of `ml.py`. Nodes of a body bear the name of the node that
they are from, so that messages lead to it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import onnx
from onnx import helper, inliner, numpy_helper

from codegen.frontend.convert import CONVERTERS
from codegen.frontend.fold import RANDOM
from codegen.frontend.ml import DOMAIN as ML_DOMAIN
from codegen.frontend.ml import expand_ml

CONVERTED = frozenset(op_type for op_type, _ in CONVERTERS)
DEFAULT_DOMAINS = ("", "ai.onnx")
FOLDED = ("Constant", "Shape", "Size")
"""Operators whose results are constant whatever they read."""


@dataclass(frozen=True, slots=True)
class _Scope:
    """What is known where a node stands: the model, the types of tensors, which are constant."""

    model: onnx.ModelProto
    types: dict[str, onnx.ValueInfoProto]
    constants: set[str]
    functions: frozenset[tuple[str, str]]


def inline_functions(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return the model without calls of its own functions, and of others that are known by parts.

    It is the same object where nothing is to be done.
    """
    functions = frozenset((f.domain, f.name) for f in model.functions)
    if not functions and not any(_has_body(model, node) for node in model.graph.node):
        return model
    try:
        types = _infer_types(model)
    except (onnx.shape_inference.InferenceError, ValueError):
        return model
    constants = {"", *(tensor.name for tensor in model.graph.initializer)}
    scope = _Scope(model, types, constants, functions)
    nodes = [made for node in model.graph.node for made in _expand(scope, node)]
    inlined = onnx.ModelProto()
    inlined.CopyFrom(model)
    del inlined.graph.node[:], inlined.functions[:]
    inlined.graph.node.extend(nodes)
    known = {opset.domain for opset in model.opset_import}
    for function in model.functions:
        for opset in function.opset_import:
            if opset.domain not in known:
                known.add(opset.domain)
                inlined.opset_import.append(opset)
    return inlined


def _expand(scope: _Scope, node: onnx.NodeProto) -> Iterator[onnx.NodeProto]:
    """Yield what stands for a node: its body, as far as bodies go, or the node itself."""
    if node.domain == ML_DOMAIN:
        yield from _ml_body(scope, node) or (node,)
        return
    if (node.domain, node.op_type) in scope.functions:
        body = _body(scope, node, local=True)
        if body is not None:
            for part in body:
                yield from _expand(scope, part)
            return
    elif _has_body(scope.model, node) and not _is_constant(scope, node):
        body = _known_body(scope, node)
        if body is not None:
            yield from body
            return
    if _is_constant(scope, node):
        scope.constants.update(node.output)
    yield node


def _known_body(scope: _Scope, node: onnx.NodeProto) -> list[onnx.NodeProto] | None:
    """Return the body of an operator, and of those in it, if all of its parts are known."""
    before = frozenset(scope.constants)
    body = _body(scope, node, local=False)
    parts = None if body is None else [made for part in body for made in _expand(scope, part)]
    if parts is not None and all(_is_known(scope, part) for part in parts):
        return parts
    scope.constants.intersection_update(before)
    return None


def _ml_body(scope: _Scope, node: onnx.NodeProto) -> list[onnx.NodeProto] | None:
    """Return what stands for an operator of machine learning, None where nothing does."""
    stored = {tensor.name: tensor for tensor in scope.model.graph.initializer}
    read = {name: numpy_helper.to_array(stored[name]) for name in node.input if name in stored}
    parts = expand_ml(node, read, _opset(scope.model))
    if parts is None:
        return None
    graph = onnx.GraphProto(node=parts)
    _name_parts(graph, node)
    return [_plain_cast(scope, part) for part in graph.node]


def _is_known(scope: _Scope, node: onnx.NodeProto) -> bool:
    return node.op_type in CONVERTED or _is_constant(scope, node)


def _is_constant(scope: _Scope, node: onnx.NodeProto) -> bool:
    """The node's results are known before the network runs."""
    if node.domain not in DEFAULT_DOMAINS or node.op_type in RANDOM:
        return False
    return node.op_type in FOLDED or scope.constants.issuperset(node.input)


def _has_body(model: onnx.ModelProto, node: onnx.NodeProto) -> bool:
    """The operator is defined by others, and there is no converter for it."""
    if node.domain == ML_DOMAIN:
        return True
    schema = None if node.op_type in CONVERTED else _schema(model, node)
    if schema is None:
        return False
    return bool(
        schema.has_function  # type: ignore[attr-defined]
        or schema.has_context_dependent_function  # type: ignore[attr-defined]
    )


def _schema(model: onnx.ModelProto, node: onnx.NodeProto) -> onnx.defs.OpSchema | None:
    """Return ONNX's definition of the operator, None where it has none."""
    if node.domain not in DEFAULT_DOMAINS:
        return None
    try:
        return onnx.defs.get_schema(node.op_type, _opset(model))
    except onnx.defs.SchemaError:
        return None


def _opset(model: onnx.ModelProto) -> int:
    """Return the version of the default operator set, 1 where the model names none."""
    return next((e.version for e in model.opset_import if e.domain in DEFAULT_DOMAINS), 1)


def _body(scope: _Scope, node: onnx.NodeProto, *, local: bool) -> list[onnx.NodeProto] | None:
    """Return the nodes of one call's body, in the caller's names; None where there is none.

    Their types are noted in the scope. Calls of the model's own functions within are bodies too.
    """
    graph = helper.make_graph(
        [_with_defaults(scope.model, node)],
        "call",
        [scope.types.get(name, onnx.ValueInfoProto(name=name)) for name in _names(node.input)],
        [onnx.ValueInfoProto(name=name) for name in _names(node.output)],
    )
    small = onnx.ModelProto(ir_version=scope.model.ir_version, graph=graph)
    small.opset_import.extend(scope.model.opset_import)
    try:
        if local:
            small.functions.extend(_whole_functions(scope.model))
            done = inliner.inline_local_functions(small, convert_version=True)
        else:
            ids = [(node.domain, node.op_type)]
            done = inliner.inline_selected_functions(small, ids, inline_schema_functions=True)
        _name_parts(done.graph, node)
        types = _infer_types(done)
    except (RuntimeError, ValueError, onnx.shape_inference.InferenceError):
        return None
    if any((n.domain, n.op_type) == (node.domain, node.op_type) for n in done.graph.node):
        return None
    scope.types.update(types)
    return [_plain_cast(scope, part) for part in done.graph.node]


def _with_defaults(model: onnx.ModelProto, node: onnx.NodeProto) -> onnx.NodeProto:
    """Return the node with the attributes that it leaves out, for a body reads them."""
    local = [f for f in model.functions if (f.domain, f.name) == (node.domain, node.op_type)]
    schema = None if local else _schema(model, node)
    defaults = [attribute for function in local for attribute in function.attribute_proto]
    if schema is not None:
        defaults += [a.default_value for a in schema.attributes.values() if a.default_value.type]
    call = onnx.NodeProto()
    call.CopyFrom(node)
    given = {attribute.name for attribute in node.attribute}
    call.attribute.extend(default for default in defaults if default.name not in given)
    return call


def _whole_functions(model: onnx.ModelProto) -> list[onnx.FunctionProto]:
    """Return the model's functions, whose calls of each other leave out no attribute."""
    found = []
    for function in model.functions:
        whole = onnx.FunctionProto()
        whole.CopyFrom(function)
        del whole.node[:]
        whole.node.extend(_with_defaults(model, node) for node in function.node)
        found.append(whole)
    return found


def _name_parts(graph: onnx.GraphProto, node: onnx.NodeProto) -> None:
    """Let the nodes of a body, and the tensors within, bear the caller's name."""
    base = node.name or f"{node.op_type}_{node.output[0]}"
    ports = {*node.input, *node.output}
    counts: dict[str, int] = {}
    for part in graph.node:
        kind = part.op_type
        counts[kind] = counts.get(kind, 0) + 1
        part.name = f"{base}/{kind}" + (f"_{counts[kind]}" if counts[kind] > 1 else "")
        part.metadata_props.extend(node.metadata_props)
        part.doc_string = part.doc_string or node.doc_string
        for names in (part.input, part.output):
            for index, name in enumerate(names):
                if name and name not in ports:
                    names[index] = f"{node.output[0]}/{name}"


def _plain_cast(scope: _Scope, node: onnx.NodeProto) -> onnx.NodeProto:
    """Return a CastLike as the Cast it is, which reads but what it casts; Identity if nothing."""
    if node.op_type not in ("Cast", "CastLike"):
        return node
    source = _element(scope, node.input[0])
    like = node.op_type == "CastLike"
    kind = _element(scope, node.input[1]) if like else helper.get_node_attr_value(node, "to")
    if not kind or (not like and kind != source):
        return node
    op_type = "Identity" if kind == source else "Cast"
    plain = helper.make_node(op_type, node.input[:1], node.output, node.name, node.doc_string)
    if op_type == "Cast":
        plain.attribute.append(helper.make_attribute("to", kind))
    plain.metadata_props.extend(node.metadata_props)
    return plain


def _element(scope: _Scope, tensor: str) -> int:
    """Return a tensor's element type, 0 where it is not known."""
    found = scope.types.get(tensor)
    return found.type.tensor_type.elem_type if found else 0


def _infer_types(model: onnx.ModelProto) -> dict[str, onnx.ValueInfoProto]:
    """Return the types of all tensors, as far as ONNX knows them."""
    bare = onnx.ModelProto()
    bare.CopyFrom(model)
    for value in bare.graph.output:
        value.type.tensor_type.ClearField("shape")
    graph = onnx.shape_inference.infer_shapes(bare, data_prop=True).graph
    types = {value.name: value for value in (*graph.value_info, *graph.output)}
    for tensor in graph.initializer:
        types[tensor.name] = helper.make_tensor_value_info(
            tensor.name, tensor.data_type, tensor.dims
        )
    return {**types, **{value.name: value for value in graph.input}}


def _names(names: Iterable[str]) -> list[str]:
    """Return names that are there, once each."""
    return [name for name in dict.fromkeys(names) if name]
