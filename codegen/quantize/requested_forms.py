"""Which forms the options ask for, and which layers may have one."""

from __future__ import annotations

import difflib
from collections.abc import Mapping

import numpy as np

from codegen.errors import BadOption, Problem, UnknownName
from codegen.ir.coding import Coding, fits
from codegen.ir.graph import Graph
from codegen.ops import Conv2d, Dense
from codegen.options import Bits
from codegen.quantize.closed_loop import RealLayer
from codegen.quantize.weight_form import WeightForm

NEAR = 3
"""Names that are offered."""
SIMILAR = 0.6
"""How like a name has to be to be offered."""
EXACT = "their weights are integers in the file, and stay what they are"


def requested_forms(
    graph: Graph, layers: Mapping[str, RealLayer], bits: Bits
) -> dict[str, WeightForm]:
    """Return the form of each layer that `bits` gives one, by its result.

    `layers` are those of the float graph that may have one; a layer is named as the report names
    it, or by its result. Raises UnknownName with all names that no such layer has, BadOption where
    there are none.
    """
    if not layers and (bits.auto or bits.width != 8 or bits.layers):
        raise BadOption(f"--bits: no layer may have other bits: {EXACT}", hint="leave out --bits")
    names = layer_names(graph, layers)
    unknown = [name for name in bits.layers if name not in names]
    if unknown:
        raise UnknownName.collect(
            Problem(f"--bits: no layer with weights is called '{name}'", hint=near(name, names))
            for name in unknown
        )
    forms = {} if bits.auto else dict.fromkeys(layers, WeightForm(bits.width))
    return forms | {names[name]: WeightForm(width) for name, width in bits.layers.items()}


def codings(graph: Graph, forms: Mapping[str, WeightForm]) -> dict[str, Coding]:
    """Return the codings of weights of the fixed-point graph that fit them."""
    found: dict[str, Coding] = {}
    for node in graph.nodes:
        coding = forms[node.output].coding if node.output in forms else None
        if coding is None or not isinstance(node.op, Conv2d | Dense):
            continue
        data = graph.constants[node.inputs[1]]
        if data.dtype == np.int8 and fits(data, coding):
            found[node.output] = coding
    return found


def layer_names(graph: Graph, layers: Mapping[str, RealLayer]) -> dict[str, str]:
    """Return the results of layers by all their names."""
    nodes = [node for node in graph.nodes if node.output in layers]
    by_node = {node.loc.node: node.output for node in nodes if node.loc.node}
    return by_node | {node.output: node.output for node in nodes}


def near(name: str, names: Mapping[str, str]) -> str:
    """Return those of the names that are most like another, as a whole or in a part.

    >>> near("dens", {"net/conv/Relu": "", "net/dense/MatMul": ""})
    'there is net/dense/MatMul'
    """
    parts = {
        part: known
        for known in reversed(list(names))
        for part in (known.lower(), *known.lower().split("/"))
    }
    found = difflib.get_close_matches(name.lower(), parts, NEAR, SIMILAR)
    shown = list(dict.fromkeys(parts[part] for part in found)) or list(names)[:NEAR]
    return f"there is {', '.join(shown)}"
