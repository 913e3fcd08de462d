"""Assign kernels: the steps of a graph, and the values that need none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from codegen.errors import Problem, UnsupportedOperator
from codegen.ir.graph import Graph, Node
from codegen.ir.interface import BY_ARENA, Transfer
from codegen.ir.op import Signature
from codegen.ir.schedule import Need, Step, View
from codegen.ops import Concat, Copy, Reshape
from codegen.schedule.edges import add_edges
from codegen.schedule.kernels import BY_ESTIMATE, Choice, Rule, variants
from codegen.schedule.kernels.rtl import FAMILY, RTL
from codegen.schedule.placement import place_concats
from codegen.schedule.rows import find_needs
from codegen.schedule.split_pools import split_max_pools
from codegen.schedule.view_slices import view_slices


@dataclass(frozen=True, slots=True)
class Assigned:
    """A graph with the copies that it needs, its steps in order, and values that are views.

    `needs` tells for each step what its rows wait for; `variants` all its forms, by different
    kernels, the best first, which is the one in `steps`. `abroad` gives the bases of values
    that are not in the arena.
    """

    graph: Graph
    steps: tuple[Step, ...]
    views: Mapping[str, View]
    needs: tuple[tuple[Need, ...], ...]
    variants: tuple[tuple[Step, ...], ...]
    transfer: Transfer
    abroad: Mapping[str, str]


def assign_kernels(
    graph: Graph,
    families: tuple[str, ...],
    transfer: Transfer = BY_ARENA,
    choice: Choice = BY_ESTIMATE,
) -> Assigned:
    """Return the steps of a fixed-point graph with the kernels of `families` best by `choice`.

    Raises UnsupportedOperator naming every node that no kernel serves, or BadOption where inputs
    or outputs cannot pass as `transfer` says.
    """
    forms: list[tuple[Step, ...]] = []
    graph, abroad = add_edges(graph, transfer)
    graph, placed = place_concats(graph if FAMILY in families else split_max_pools(graph))
    sliced = view_slices(graph, families, choice)
    views = {**placed, **sliced}
    problems: list[Problem] = []
    kind = "fixed-point" if "generic" in families else "/".join(families)
    for node in graph.nodes:
        if isinstance(node.op, Reshape):
            views[node.output] = View(node.inputs[0])
            continue
        is_joined = isinstance(node.op, Concat) and node.inputs[0] in placed
        if is_joined or node.output in sliced:
            continue
        signature, spread = graph.signature(node), not sliced.keys().isdisjoint(node.inputs)
        rules = variants(families, node.op, signature, spread=spread, choice=choice)
        if not rules:
            message = f"no {kind} kernel for {node.op.name}"
            problems.append(Problem(message, str(node.loc), _what_there_is(families)))
            continue
        forms.append(tuple(make_step(rule, node, signature, choice) for rule in rules))
    if problems:
        raise UnsupportedOperator.collect(problems)
    steps = tuple(form[0] for form in forms)
    needs = find_needs(graph, steps)
    return Assigned(graph, steps, views, needs, tuple(forms), transfer, abroad)


def _what_there_is(families: tuple[str, ...]) -> str:
    """Return the operators of families that have few; "" where they have nearly all."""
    if families != (FAMILY,):
        return ""
    names = sorted({op.name for rule in RTL for op in rule.ops if op is not Copy})
    return f"the engine has, of int8: {', '.join(names)}, and reshape; run others on a processor"


def make_step(rule: Rule, node: Node, signature: Signature, choice: Choice = BY_ESTIMATE) -> Step:
    """Return the step that runs a node by a rule's kernel."""
    scratch = rule.scratch_bytes(node.op, signature)
    cycles = choice.cycles(rule, node.op, signature)
    tile = max(rule.cost.pixels, rule.kernel.pixels), rule.cost.filters
    return Step(node, rule.kernel, scratch, cycles, tile)
