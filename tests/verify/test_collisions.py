"""Words of the arena that a command reads and writes: refused, but for what order makes safe."""

from __future__ import annotations

from dataclasses import replace

import pytest

from codegen.errors import VerificationFailed
from codegen.ir.engine import Command, Kind, Shape
from codegen.ir.text import parse_graph
from codegen.verify.collisions import check_collisions, find_collision
from tests.lower.rtl.harness import ENGINE, Lowered

POOL = """
graph net(x: int8[6,6,8] quant(0.05, 3)) -> y
  y = max_pool(x) kernel_shape=(3, 3) strides=(3, 3) : int8[2,2,8] quant(0.05, 3)
"""
CLIP = """
graph net(x: int8[6,6,3] quant(0.05, 3)) -> z
  y = clip(x) high=1.0 : int8[6,6,3] quant(0.05, 3)
  z = softmax(y) : int8[6,6,3] quant(0.00390625, -128)
"""


def only(lowered: Lowered, layer: int) -> Command:
    pairs = zip(lowered.image.commands, lowered.image.owners, strict=True)
    (command,) = [command for command, owner in pairs if owner == layer]
    return command


def moved(command: Command, start: int) -> Command:
    return replace(command, output=replace(command.output, start=start))


def test_results_among_what_is_read() -> None:
    lowered = Lowered(parse_graph(POOL))
    command = only(lowered, 0)
    assert find_collision(ENGINE, command) is None
    wrong = moved(command, command.address.start + 5 * 6 * 8)
    assert find_collision(ENGINE, wrong) == wrong.output.start // 8
    commands = tuple(wrong if c is command else c for c in lowered.image.commands)
    with pytest.raises(VerificationFailed, match="may read word"):
        check_collisions(replace(lowered.image, commands=commands))


def test_a_word_that_is_read_again_one_that_is_not() -> None:
    lowered = Lowered(parse_graph(CLIP))
    clip = only(lowered, 0)
    assert clip.output.start == clip.address.start, "it takes its operand's place"
    assert find_collision(ENGINE, clip) is None
    assert find_collision(ENGINE, moved(clip, clip.address.start + 8)) is not None
    assert find_collision(ENGINE, moved(clip, clip.address.start + 1)) is not None
    softmax = only(lowered, 1)
    assert softmax.kind is Kind.SOFTMAX and find_collision(ENGINE, softmax) is None
    assert find_collision(ENGINE, moved(softmax, softmax.address.start)) is not None


def test_weights_that_are_not_held() -> None:
    lowered = Lowered(parse_graph(CLIP), Shape(8, 8, 2, ring=2))
    clip = only(lowered, 0)
    assert clip.fresh == 1
    for wrong in (replace(clip, fresh=3), replace(clip, weight=replace(clip.weight, start=1))):
        commands = tuple(wrong if c is clip else c for c in lowered.image.commands)
        with pytest.raises(VerificationFailed, match="reads weights"):
            check_collisions(replace(lowered.image, commands=commands))


def test_padding_beside_the_results() -> None:
    text = POOL.replace("strides=(3, 3)", "strides=(3, 3) pads=(1, 1, 1, 1)")
    for shape in (Shape(8, 8, 2), Shape(4, 4, 2)):
        Lowered(parse_graph(text), shape)
