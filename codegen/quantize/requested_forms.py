"""Which forms the options ask for, and which layers may have one."""

from __future__ import annotations

import difflib
from collections.abc import Mapping

import numpy as np

from codegen.errors import BadOption, Problem, UnknownName
from codegen.ir.coding import Coding
from codegen.ir.graph import Graph
from codegen.ops import Conv2d, Dense
from codegen.options import Bits, PerLayer
from codegen.quantize.closed_loop import RealLayer
from codegen.quantize.weight_form import WeightForm

NEAR = 3
"""Names that are offered."""
SIMILAR = 0.6
"""How like a name has to be to be offered."""
AS_IT_IS = PerLayer()
EXACT = "their weights are integers in the file, and stay what they are"


def requested_forms(
    graph: Graph,
    layers: Mapping[str, RealLayer],
    bits: Bits,
    density: PerLayer = AS_IT_IS,
    codebook: PerLayer = AS_IT_IS,
) -> dict[str, WeightForm]:
    """Return the form of each layer that the options give one, by its result.

    `layers` are those of the float graph that may have one; a layer is named as the report names
    it, or by its result. Raises UnknownName with all names that no such layer has, BadOption where
    there are none, or where the options contradict each other.
    """
    asked = {
        "--bits": PerLayer(None if bits.auto or bits.width == 8 else bits.width, bits.layers),
        "--density": density,
        "--codebook": codebook,
    }
    for option, found in asked.items():
        if not layers and (found or (option == "--bits" and bits.auto)):
            raise BadOption(
                f"{option}: no layer may have other weights: {EXACT}", hint=f"leave out {option}"
            )
        if bits.auto and found.every is not None:
            raise BadOption(
                f"--bits auto chooses the form of weights, and {option} gives it",
                hint=f"give it to some layers: {option} LAYER={found.every:g}",
            )
    names = layer_names(graph, layers)
    problems = [
        Problem(f"{option}: no layer with weights is called '{name}'", hint=near(name, names))
        for option, found in asked.items()
        for name in found.layers
        if name not in names
    ]
    if problems:
        raise UnknownName.collect(problems)
    own = {
        option: {names[k]: v for k, v in found.layers.items()} for option, found in asked.items()
    }
    chosen = layers if not bits.auto else set().union(*own.values())
    return {
        name: make_form(name, *(own[option].get(name, asked[option].every) for option in asked))
        for name in layers
        if name in chosen
    }


def make_form(
    name: str, bits: float | None, density: float | None, codebook: float | None
) -> WeightForm:
    """Return the form of a layer; BadOption where there is none such."""
    width = 8 if bits is None else int(bits)
    part = 1.0 if density is None else density
    if codebook is not None and width < 8:
        raise BadOption(
            f"--codebook and --bits: weights of {name} have indices, or {width} bits",
            hint=f"leave one out, or give both to layers: --bits {name}=8",
        )
    if part < 1 and width == 1:
        raise BadOption(
            f"--density and --bits: weights of {name} are -1 or 1, so none is zero",
            hint=f"--density {name}=1",
        )
    return WeightForm(width, int(codebook or 0), part)


def codings(graph: Graph, forms: Mapping[str, WeightForm]) -> dict[str, Coding]:
    """Return the codings of weights of the fixed-point graph that fit them."""
    found: dict[str, Coding] = {}
    for node in graph.nodes:
        if node.output in forms and isinstance(node.op, Conv2d | Dense):
            data = graph.constants[node.inputs[1]]
            coding, _ = forms[node.output].stored(data) if data.dtype == np.int8 else (None, 0)
            if coding is not None:
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
