"""The check on tokens passes right plans and rejects every mutated one, in telling words."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codegen.errors import CodegenError, UnreadableFile, VerificationFailed
from codegen.ir.certificate import Certificate
from codegen.ir.graph import Graph
from codegen.lower import certify, lower
from codegen.ops import Add, AveragePool, Concat, Conv2d
from codegen.plan import make_plan
from codegen.plan.solve import schedule_and_plan
from codegen.schedule import make_schedule
from codegen.schedule.assemble import assemble
from codegen.schedule.assign import assign_kernels
from codegen.verify import check_plan, parse_plan, plan_to_json
from codegen.verify.order import call_order
from tests.emit.network import Builder, every_operator
from tests.ops.harness import ARM_DSP, GENERIC, Planned, int8

Json = dict[str, Any]
Path = tuple[str | int, ...]


def residual() -> Graph:
    """An inverted residual block, a Fire module, and a mean over the image."""
    b = Builder(int8((12, 10, 4), 0.3, -5))
    b.add(Conv2d(), ("x",), "e", weights=(16, 1, 1, 4))
    b.add(Conv2d((1, 1), (1, 1, 1, 1), group=16), ("e",), "d", weights=(16, 3, 3, 1))
    b.add(Conv2d(), ("d",), "p", weights=(4, 1, 1, 16))
    b.add(Add(), ("x", "p"), "a")
    b.add(Conv2d((2, 2), (1, 1, 1, 1)), ("a",), "s", weights=(8, 3, 3, 4))
    b.add(Conv2d(), ("s",), "l", weights=(6, 1, 1, 8))
    b.add(Conv2d((1, 1), (1, 1, 1, 1)), ("s",), "r", weights=(6, 3, 3, 8))
    b.add(Concat(2), ("l", "r"), "c")
    b.add(AveragePool((6, 5)), ("c",), "mean")
    return b.graph("mean")


def certified(graph: Graph, planned: Planned) -> Certificate:
    schedule, plan = planned
    program = lower(schedule, plan, "net", target="test", model="test", digest="0" * 8)
    return certify(program, schedule, plan)


def in_one_nest(graph: Graph) -> Certificate:
    assigned = assign_kernels(graph, GENERIC)
    schedule = assemble(assigned, (0, len(assigned.steps)))
    return certified(graph, (schedule, make_plan(schedule)))


def layer_by_layer(graph: Graph) -> Certificate:
    schedule = make_schedule(graph, GENERIC)
    return certified(graph, (schedule, make_plan(schedule)))


@cache
def plans() -> tuple[Certificate, ...]:
    """Plans of different kinds: the fastest, layer by layer, all in one nest."""
    planned = certified(every_operator(), schedule_and_plan(every_operator(), ARM_DSP))
    streamed = [in_one_nest(graph) for graph in (every_operator(), residual())]
    return (planned, layer_by_layer(residual()), *streamed)


def documents() -> st.SearchStrategy[Json]:
    """Plans as JSON, to be changed."""
    return st.sampled_from(range(len(plans()))).map(lambda i: json.loads(plan_to_json(plans()[i])))


def check(document: Json) -> int:
    return check_plan(parse_plan(json.dumps(document)))


def rejected(document: Json) -> bool:
    try:
        check(document)
    except CodegenError:
        return True
    return False


def numbers(item: Any, path: Path = ()) -> Iterator[Path]:
    """Yield the way to each number."""
    parts = item.items() if isinstance(item, dict) else enumerate(item)
    for key, part in parts:
        if isinstance(part, dict | list):
            yield from numbers(part, (*path, key))
        elif type(part) is int:
            yield (*path, key)


def put(document: Json, path: Path, value: Any) -> None:
    item: Any = document
    for key in path[:-1]:
        item = item[key]
    item[path[-1]] = value


def steps_of(document: Json) -> list[Json]:
    return [step for nest in document["nests"] for step in nest["steps"]]


FREE = {
    "align_bytes",
    "lower_bound_bytes",
    "window_rows",
    "stride",
    "dilation",
    "pad",
    "divisor",
    "clipped",
    "reach",
    "least",
    "live",
}
"""Numbers said only once: a change of them may be harmless."""


@pytest.mark.parametrize("index", range(4))
def test_right_plans_pass_also_when_read_back(index: int) -> None:
    certificate = plans()[index]
    assert parse_plan(plan_to_json(certificate)) == certificate
    assert check_plan(certificate) == sum(step.calls for step in certificate.steps) > 40


@settings(max_examples=40)
@given(documents(), st.data())
def test_any_other_number_is_rejected(document: Json, data: st.DataObject) -> None:
    paths = [path for path in numbers(document) if not FREE & {*path}]
    path = data.draw(st.sampled_from(paths))
    item: Any = document
    for key in path:
        item = item[key]
    change = data.draw(st.sampled_from((-item - 1, item - 1, item + 1, item + 4, item + 2**40)))
    put(document, path, change)
    with pytest.raises((VerificationFailed, UnreadableFile)):
        check(document)


@settings(max_examples=40)
@given(documents(), st.data())
def test_no_change_is_a_crash(document: Json, data: st.DataObject) -> None:
    path = data.draw(st.sampled_from(list(numbers(document))))
    values = (-1, 0, 1, 7, 2**47, 2**70, None, "x", [], {}, True, 0.5)
    put(document, path, data.draw(st.sampled_from(values)))
    rejected(document)


@settings(max_examples=40)
@given(documents(), st.data())
def test_a_buffer_moved_onto_live_bytes_is_rejected(document: Json, data: st.DataObject) -> None:
    """All that lies in the buffer moves along, so only the bytes themselves are at fault."""
    plan = parse_plan(json.dumps(document))
    buffer = data.draw(st.sampled_from(plan.buffers))
    places = [
        onto
        for onto in range(0, plan.bases[0].size_bytes - buffer.size_bytes + 1, buffer.align_bytes)
        if onto != buffer.offset_bytes
    ]
    if not places:
        return
    onto = data.draw(st.sampled_from(places))
    move(document, buffer.name, onto - buffer.offset_bytes)
    ends = (b["offset_bytes"] + b["size_bytes"] for b in document["buffers"])
    document["bases"][0]["size_bytes"] = max(ends)
    begin, end = buffer.spans(plan.calls)
    meets = False
    for other in plan.buffers:
        first, last = other.spans(plan.calls)
        low, high = other.offset_bytes + first, other.offset_bytes + last
        both = (end > begin) & (last > first) & (onto + begin < high) & (low < onto + end)
        meets = meets or (other is not buffer and bool(both.any()))
    document["lower_bound_bytes"] = 0
    assert rejected(document) == meets
    # Also without the planner's word on what is live, wherever that is certain to matter.
    if meets and not buffer.values:
        for item in document["buffers"]:
            item["live"] = [[0, 0, item["size_bytes"]]]
        assert rejected(document)


def move(document: Json, name: str, by: int) -> None:
    """Move a buffer with all that is said to be in it."""
    (buffer,) = (b for b in document["buffers"] if b["name"] == name)
    buffer["offset_bytes"] += by
    for step in steps_of(document):
        for part in (*step["reads"], step["writes"]):
            part["offset_bytes"] += by * (part["value"] in buffer["values"])
        if step["scratch"] and step["scratch"]["buffer"] == name:
            step["scratch"]["offset_bytes"] += by
    for port in (*document["inputs"], *document["outputs"]):
        port["offset_bytes"] += by * (port["value"] in buffer["values"])


def test_a_ring_one_row_too_short_is_rejected() -> None:
    """The ring is given its old bytes too, and all of them are live: only its rows are fewer."""
    found = 0
    for plan in plans():
        rows = {value.name: value.rows for value in plan.values}
        for index, buffer in enumerate(plan.buffers):
            if not buffer.rows_kept or not 1 < buffer.rows_kept < rows[buffer.values[0]]:
                continue
            document = json.loads(plan_to_json(plan))
            kept = buffer.rows_kept - 1
            size = buffer.size_bytes // buffer.rows_kept * kept
            ring = document["buffers"][index]
            ring |= {"rows_kept": kept, "size_bytes": size}
            ring["live"] = [[t, min(a, size), min(b, size)] for t, a, b in ring["live"]]
            for step in steps_of(document):
                for part in (*step["reads"], step["writes"]):
                    if part["value"] in buffer.values:
                        part["rows_kept"] = kept
            ends = (b["offset_bytes"] + b["size_bytes"] for b in document["buffers"])
            document["bases"][0]["size_bytes"] = max(ends)
            document["lower_bound_bytes"] = 0
            with pytest.raises(VerificationFailed, match=r"does not find row \d+|overwrites"):
                check(document)
            found += 1
    assert found >= 5


@settings(max_examples=40)
@given(documents(), st.data())
def test_weaker_needs_keep_the_order_or_are_rejected(document: Json, data: st.DataObject) -> None:
    order = call_order(parse_plan(json.dumps(document)))
    step = data.draw(st.sampled_from([step for step in steps_of(document) if step["needs"]]))
    need = data.draw(st.sampled_from(step["needs"]))
    if data.draw(st.booleans()):
        step["needs"].remove(need)
    else:
        need["reach"] -= data.draw(st.integers(1, 3))
    assert rejected(document) or call_order(parse_plan(json.dumps(document))) == order


@settings(max_examples=40)
@given(documents(), st.data())
def test_windows_higher_than_what_is_kept_are_rejected(document: Json, data: st.DataObject) -> None:
    rings = [
        read for step in steps_of(document) for read in step["reads"]
        if step["makes"] == "rows" and read["rows_kept"] < read["rows"]
    ]  # fmt: skip
    if not rings:
        return
    read = data.draw(st.sampled_from(rings))
    read["window_rows"] = read["rows_kept"] + data.draw(st.integers(1, 2))
    read["dilation"] = 1
    with pytest.raises(VerificationFailed, match=r"does not find row|not live|no window"):
        check(document)


@settings(max_examples=40)
@given(documents(), st.data())
def test_live_bytes_must_hold_what_is_written(document: Json, data: st.DataObject) -> None:
    makers = {step["writes"]["value"] for step in steps_of(document) if step["makes"] == "rows"}
    grown = []
    for buffer in document["buffers"]:
        ends = [0, *(end for _, _, end in buffer["live"])]
        if buffer["values"][:1] and buffer["values"][0] in makers:
            grown += [t for t, last in zip(buffer["live"], ends, strict=False) if t[2] > last]
    data.draw(st.sampled_from(grown))[2] -= 1
    assert rejected(document)


def test_steps_in_another_order_are_rejected() -> None:
    for plan in plans():
        for path in (("nests",), ("nests", 0, "steps")):
            document = json.loads(plan_to_json(plan))
            items: Any = document
            for key in path:
                items = items[key]
            if len(items) > 1:
                items.reverse()
                assert rejected(document), path


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        (("order",), "any", "the order 'any' is unknown"),
        (("bases", 0, "writable"), False, "writes to 'arena', which is read-only"),
        (("bases", 0, "name"), "sram", "base 'arena' is not described"),
        (("buffers", 0, "name"), "c1 scratch", "buffer 'c1 scratch' is there twice"),
        (("values", 0, "name"), "z", "value 'x' is not described"),
        (("nests", 0, "steps", 0, "makes"), "noise", "makes 'noise', which is unknown"),
        (("inputs", 0, "offset_bytes"), 1, "port 'x' is not where its buffer is"),
        (("inputs", 0, "base"), None, "port 'x' has an offset in no base"),
        (("bases", 0, "align_bytes"), 8, "base 'arena' is not aligned as its buffers are"),
        (("calls",), 3, "all steps together are not called 3 times"),
    ],
)
def test_a_rejection_says_what_is_wrong(path: Path, value: Any, words: str) -> None:
    document = json.loads(plan_to_json(plans()[0]))
    put(document, path, value)
    with pytest.raises(VerificationFailed, match=words):
        check(document)


def test_an_input_must_come_and_an_output_be_handed_over() -> None:
    for side, words in (("inputs", "does not find row 0 of 'x'"), ("outputs", "not handed over")):
        document = json.loads(plan_to_json(plans()[1]))
        document[side][0] |= {"base": None, "offset_bytes": None}
        with pytest.raises(VerificationFailed, match=words):
            check(document)


def test_inputs_and_outputs_may_pass_row_by_row() -> None:
    """A step without operands brings the input; one without a result hands the output over."""
    document = json.loads(plan_to_json(layer_by_layer(residual())))
    (x,) = (value for value in document["values"] if value["name"] == "x")
    place = {key: document["inputs"][0][key] for key in ("base", "offset_bytes")}
    whole = {"row_pitch_bytes": x["row_bytes"], "rows_kept": x["rows"]}
    writes = {"value": "x", **place, **whole, "pixel_pitch_bytes": x["channels"]}
    blank = {"node": "", "kernel": "", "makes": "rows", "may_replace": False}
    blank |= {"scratch": None}
    receive = {"name": "receive", "operator": "receive", "calls": x["rows"], "reads": []}
    receive |= {**blank, "writes": writes, "needs": [], "wants": []}
    read = {"value": "mean", **document["outputs"][0], "row_pitch_bytes": 12, "rows": 1}
    read |= {"rows_kept": 1, "window_rows": 1, "stride": 1, "dilation": 1, "pad": 0}
    read |= {"divisor": 1, "clipped": False}
    deliver = {"name": "deliver", "operator": "deliver", "calls": 1, "reads": [read]}
    deliver |= {**blank, "writes": None, "needs": [], "wants": []}
    for step in steps_of(document):
        for need in step["needs"]:
            need["step"] += 1
    calls = x["rows"]
    for buffer in document["buffers"]:
        buffer["live"] = [[t + calls, *span] for t, *span in buffer["live"]]
        buffer["live_from_call"] += calls
        buffer["live_until_call"] += calls
    home = {name: buffer for buffer in document["buffers"] for name in buffer["values"]}
    home["x"]["live"].insert(0, [0, 0, x["rows"] * x["row_bytes"]])
    home["x"]["live_from_call"] = 0
    last = document["calls"] + calls
    home["mean"]["live_until_call"] = last + 1
    for buffer in document["buffers"]:
        if buffer["live_until_call"] == last:
            buffer["live"].append([last, 0, 0])
    document["calls"] += calls + 1
    document["nests"] = [{"steps": [receive]}, *document["nests"], {"steps": [deliver]}]
    for port in (*document["inputs"], *document["outputs"]):
        port |= {"base": None, "offset_bytes": None}
    assert check(document) == document["calls"]
    document["nests"][-1]["steps"] = []
    document["calls"] -= 1
    home["mean"]["live_until_call"] -= 1
    with pytest.raises(VerificationFailed, match="output 'mean' is not handed over whole"):
        check(document)


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{", '{"schema": "codegen.plan/2"}', '{"schema": "codegen.plan/1"}', "[" * 100_000],
)
def test_other_files_are_unreadable(text: str) -> None:
    with pytest.raises(UnreadableFile):
        parse_plan(text)


@pytest.mark.parametrize("key", ["bases", "values", "buffers", "nests", "calls", "order"])
def test_a_plan_that_lacks_a_part_is_unreadable(key: str) -> None:
    document = json.loads(plan_to_json(plans()[1]))
    del document[key]
    with pytest.raises(UnreadableFile, match=f"has no {key}"):
        parse_plan(json.dumps(document))
