"""Lower graphs to the shared engine, run its commands, and compare every layer's bytes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from codegen.ir.engine import Shape
from codegen.ir.evaluate import evaluate
from codegen.ir.graph import Graph
from codegen.ir.schedule import Schedule
from codegen.ir.types import Array
from codegen.lower import address, lower, pixel_pitch
from codegen.lower.rtl import Image, least_ring, link
from codegen.plan import make_plan
from codegen.schedule import make_schedule
from codegen.verify.collisions import check_collisions
from codegen.verify.engine import execute
from codegen.verify.inputs import make_inputs

RTL = ("rtl",)
ENGINE = Shape(pe=8, simd=8, lanes=2)
POISON = 0x55
"""What the arena holds before a frame."""


class Lowered:
    """A graph on an engine: its schedule, plan, program and image.

    A ring of weights is at least as large as a block of the graph needs.
    """

    def __init__(self, graph: Graph, shape: Shape = ENGINE) -> None:
        self.graph = graph
        self.schedule: Schedule = make_schedule(graph, RTL)
        self.plan = make_plan(self.schedule)
        plain = lower(
            self.schedule,
            self.plan,
            "net",
            target="test",
            model="m",
            digest="d",
            engine=replace(shape, ring=0),
        )
        ring = shape.ring and max(shape.ring, least_ring(link(plain).commands))
        self.program = replace(plain, engine=replace(shape, ring=ring))
        self.image: Image = link(self.program)
        check_collisions(self.image)

    def places(self, value: str) -> Array:
        """Return where the bytes of a value stand in the arena."""
        kind = self.schedule.graph.types[value]
        _, offset = address(self.schedule, self.plan, value)
        pitch = pixel_pitch(self.schedule, value)
        pixels = np.arange(kind.rows * kind.width) * pitch
        return offset + (pixels[:, None] + np.arange(kind.pixel_bytes)).ravel()

    def check_frame(self, inputs: list[Array]) -> None:
        """Run one frame; every layer's bytes must be the reference's, and what is sent."""
        graph, image = self.schedule.graph, self.image
        steps = self.schedule.steps
        wanted = evaluate(graph, [x[None] for x in inputs], [s.node.output for s in steps])
        arena = np.full(image.arena_bytes, POISON, np.int8)
        frame = np.concatenate([x.ravel().view(np.int8) for x in inputs])

        def run(owner: int) -> Array:
            commands = [c for c, o in zip(image.commands, image.owners, strict=True) if o == owner]
            return execute(image.shape, image.memories, commands, arena, frame)

        count = len(graph.inputs)
        execute(image.shape, image.memories, image.commands[:count], arena, frame)
        for index, step in enumerate(steps):
            run(index)
            right = wanted[step.node.output][0].ravel().view(np.int8)
            found = arena[self.places(step.node.output)]
            where = np.flatnonzero(found != right)
            assert not len(where), (
                f"layer {index}, {step.node.op.name}: byte {where[0]} is {found[where[0]]},"
                f" not {right[where[0]]}; {len(where)} of {len(right)} differ"
            )
        last = image.commands[len(image.commands) - len(graph.outputs) :]
        sent = execute(image.shape, image.memories, last, arena, frame)
        outputs = [wanted[name][0].ravel().view(np.int8) for name in graph.outputs]
        assert np.array_equal(sent, np.concatenate(outputs))


def check(graph: Graph, shape: Shape = ENGINE, frames: int = 2) -> Lowered:
    """Lower a graph and compare some frames, random ones and extremes."""
    lowered = Lowered(graph, shape)
    inputs = make_inputs(graph, (), frames)
    for index in range(frames):
        lowered.check_frame([array[index] for array in inputs.arrays])
    return lowered
