"""The text form of graphs: for dumps, tests and docstrings; printing then parsing is the identity.

    graph net(x: float32[8,8,3]) -> z
      const w: float32[16,3,3,3]
      const b: float32[16]
      y = conv2d(x, w, b) strides=(2, 2) : float32[3,3,16]
      z = clip(y) high=6.0 : float32[3,3,16] quant(0.02, -128)

Weights may tell how they are stored: `const w: int8[16,64] quant(0.5, 0) coding(codebook, 6)`.
Attributes stand where they differ from their defaults. Types may be left out; where the operands
have types they are inferred. Names that are not identifiers are quoted. The data of constants,
origins and places in the user's model are not part of the text; `save_graph` keeps them too.

This one module of `ir` stands on `ops`: a text names operators.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from pathlib import Path
from typing import NoReturn, TypeVar

import numpy as np

from codegen.errors import UnreadableFile
from codegen.ir.coding import CODINGS, Coding
from codegen.ir.graph import Graph, Node
from codegen.ir.op import Op
from codegen.ir.rewrite import result_type
from codegen.ir.types import Array, DType, Loc, Origin, Quant, TensorType
from codegen.ops import OPS

T = TypeVar("T")
IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
KEYWORDS = ("coding", "const", "graph", "quant")
TOKEN = re.compile(
    r"""\s*(?:
        (?P<string>"(?:[^"\\]|\\.)*")
      | (?P<number>-?\d+(?:\.\d+)?(?:e[+-]?\d+)?(?![\w.]))
      | (?P<word>-?[A-Za-z_][A-Za-z0-9_]*)
      | (?P<mark>->|[()\[\],:=])
      | (?P<end>\Z)
    )""",
    re.VERBOSE,
)
WORDS: Mapping[str, object] = {
    "True": True,
    "False": False,
    "None": None,
    "inf": float("inf"),
    "-inf": float("-inf"),
    "nan": float("nan"),
    **{dtype.value: dtype for dtype in DType},
}


def print_graph(graph: Graph) -> str:
    """Return the text of a graph, without a newline at its end."""
    inputs = ", ".join(_typed(graph, name) for name in graph.inputs)
    outputs = ", ".join(_name(name) for name in graph.outputs)
    lines = [f"graph {_name(graph.name)}({inputs}) -> {outputs}"]
    lines += [f"  const {_typed(graph, name)}" for name in graph.constants]
    lines += [f"  {_node(graph, node)}" for node in graph.nodes]
    return "\n".join(lines)


def _name(name: str) -> str:
    plain = IDENTIFIER.match(name) and name not in KEYWORDS
    return name if plain else json.dumps(name)


def _typed(graph: Graph, name: str, separator: str = ": ") -> str:
    found = graph.types.get(name)
    return _name(name) if found is None else f"{_name(name)}{separator}{_type(found)}"


def _type(found: TensorType) -> str:
    quant = "" if found.quant is None else f" {_literal(found.quant)}"
    return f"{found}{quant}" + ("" if found.coding is None else f" {found.coding.text}")


def _node(graph: Graph, node: Node) -> str:
    operands = ", ".join(_name(name) for name in node.inputs)
    attributes = "".join(f" {key}={_literal(value)}" for key, value in _attributes(node.op))
    found = graph.types.get(node.output)
    suffix = "" if found is None else f" : {_type(found)}"
    return f"{_name(node.output)} = {node.op.name}({operands}){attributes}{suffix}"


def _attributes(op: Op) -> Iterator[tuple[str, object]]:
    for entry in _fields(type(op)):
        value = getattr(op, entry.name)
        if entry.default is MISSING or value != entry.default:
            yield entry.name, value


def _fields(kind: type[Op]) -> tuple[Field[object], ...]:
    return fields(kind)  # type: ignore[arg-type]


def _literal(value: object) -> str:
    if isinstance(value, tuple):
        inner = ", ".join(_literal(item) for item in value)
        return f"({inner},)" if len(value) == 1 else f"({inner})"
    if isinstance(value, Quant):
        element = "" if value.element is DType.INT8 else f", {value.element.value}"
        if value.axis is None and len(value.scales) == 1:
            return f"quant({value.scale!r}, {value.zero_point}{element})"
        axis = "" if value.axis is None else f", axis={value.axis}"
        return f"quant({_literal(value.scales)}, {value.zero_point}{axis}{element})"
    if isinstance(value, Op):
        attributes = (f"{key}={_literal(item)}" for key, item in _attributes(value))
        return f"op({', '.join((value.name, *attributes))})"
    if isinstance(value, DType):
        return value.value
    return json.dumps(value) if isinstance(value, str) else repr(value)


def parse_graph(text: str, constants: Mapping[str, Array] | None = None) -> Graph:
    """Return the graph of a text; constants whose data is not given are zeros.

    Raises UnreadableFile with the line where the text is not of the form above.

    >>> print(parse_graph('''
    ...     graph net(x: float32[4]) -> y
    ...       y = clip(x) low=-1.0
    ... '''))
    graph net(x: float32[4]) -> y
      y = clip(x) low=-1.0 : float32[4]
    """
    parser = _Parser(dict(constants or {}))
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            parser.line(line, number)
    if parser.header is None:
        raise UnreadableFile("the text holds no graph", where="line 1")
    name, inputs, outputs = parser.header
    declared = {key: data for key, data in parser.constants.items() if key in parser.declared}
    return Graph(name, inputs, outputs, tuple(parser.nodes), parser.types, declared)


@dataclass(slots=True)
class _Parser:
    """Reads line after line; `tokens` are those left of the line at hand."""

    constants: dict[str, Array]
    header: tuple[str, tuple[str, ...], tuple[str, ...]] | None = None
    declared: list[str] = field(default_factory=list)
    nodes: list[Node] = field(default_factory=list)
    types: dict[str, TensorType] = field(default_factory=dict)
    tokens: list[tuple[str, str]] = field(default_factory=list)
    number: int = 0

    def line(self, line: str, number: int) -> None:
        self.number = number
        self.tokens = list(self.scan(line))
        if self.header is None:
            self.graph()
        elif self.peek() == ("word", "const"):
            self.take("const")
            self.constant()
        else:
            self.node()
        if self.peek()[0] != "end":
            self.fail(f"'{self.peek()[1]}' is not expected here")

    def scan(self, line: str) -> Iterator[tuple[str, str]]:
        at = 0
        while True:
            match = TOKEN.match(line, at)
            if match is None:
                self.fail(f"'{line[at:].strip()}' is not a token")
            assert match.lastgroup is not None
            yield match.lastgroup, match[match.lastgroup]
            if match.lastgroup == "end":
                return
            at = match.end()

    def graph(self) -> None:
        self.take("graph")
        name = self.name()
        self.take("(")
        inputs = tuple(self.series(")", self.typed_name))
        self.take("->")
        outputs = [self.name()]
        while self.peek()[1] == ",":
            self.take(",")
            outputs.append(self.name())
        self.header = (name, inputs, tuple(outputs))

    def constant(self) -> None:
        name = self.typed_name()
        if name not in self.types:
            self.fail(f"constant '{name}' needs a type")
        entry = self.types[name]
        self.declared.append(name)
        zeros = np.zeros(entry.shape, entry.dtype.numpy)
        # Declaration order is the order in which constants are printed.
        self.constants[name] = self.constants.pop(name, zeros)

    def node(self) -> None:
        output = self.name()
        self.take("=")
        kind = self.kind()
        self.take("(")
        operands = tuple(self.series(")", self.name))
        attributes = {}
        while self.peek()[0] == "word":
            key, value = self.attribute()
            attributes[key] = value
        node = Node(self.made(kind, attributes), operands, output)
        self.nodes.append(node)
        self.set_type(node)

    def kind(self) -> type[Op]:
        operator = self.word()
        kind = next((op for op in OPS if op.name == operator), None)
        if kind is None:
            self.fail(f"there is no operator '{operator}'")
        return kind

    def attribute(self) -> tuple[str, object]:
        key = self.word()
        self.take("=")
        return key, self.literal()

    def made(self, kind: type[Op], attributes: Mapping[str, object]) -> Op:
        if unknown := set(attributes) - {entry.name for entry in _fields(kind)}:
            self.fail(f"{kind.name} has no attribute '{min(unknown)}'")
        required = {entry.name for entry in _fields(kind) if entry.default is MISSING}
        if missing := required - set(attributes):
            self.fail(f"{kind.name} needs the attribute '{min(missing)}'")
        return kind(**attributes)

    def set_type(self, node: Node) -> None:
        if self.peek()[1] == ":":
            self.types[node.output] = self.type()
        elif all(name in self.types for name in node.inputs):
            operands = tuple(self.types[name] for name in node.inputs)
            try:
                self.types[node.output] = result_type(node.op, operands)
            except ValueError as error:
                self.fail(f"{node.op.name} {error}")

    def typed_name(self) -> str:
        name = self.name()
        if self.peek()[1] == ":":
            self.types[name] = self.type()
        return name

    def type(self) -> TensorType:
        self.take(":")
        dtype = self.dtype()
        self.take("[")
        shape = tuple(self.integer(item) for item in self.series("]", self.literal))
        quant = self.literal() if self.peek() == ("word", "quant") else None
        assert quant is None or isinstance(quant, Quant)
        coding = self.coding() if self.peek() == ("word", "coding") else None
        return TensorType(shape, dtype, quant, coding)

    def dtype(self) -> DType:
        dtype = WORDS.get(word := self.word())
        if not isinstance(dtype, DType):
            self.fail(f"'{word}' is not an element type")
        return dtype

    def series(self, end: str, item: Callable[[], T]) -> list[T]:
        found = []
        while self.peek()[1] != end:
            found.append(item())
            if self.peek()[1] != end:
                self.take(",")
        self.take(end)
        return found

    def literal(self) -> object:
        kind, text = self.tokens.pop(0)
        if kind == "string":
            return json.loads(text)
        if kind == "number":
            return int(text) if re.fullmatch(r"-?\d+", text) else float(text)
        if text == "(":
            return tuple(self.series(")", self.literal))
        if text == "quant":
            return self.quant()
        if text == "op":
            return self.operator()
        if kind != "word" or text not in WORDS:
            self.fail(f"'{text}' is not a value")
        return WORDS[text]

    def quant(self) -> Quant:
        self.take("(")
        scales = self.literal()
        self.take(",")
        zero_point = self.integer(self.literal())
        axis, element = None, DType.INT8
        while self.peek()[1] == ",":
            self.take(",")
            if self.peek()[1] == "axis":
                self.take("axis")
                self.take("=")
                axis = self.integer(self.literal())
            else:
                element = self.dtype()
        self.take(")")
        found = scales if isinstance(scales, tuple) else (scales,)
        return Quant(tuple(float(scale) for scale in found), zero_point, axis, element)

    def coding(self) -> Coding:
        self.take("coding")
        self.take("(")
        kind, bits = self.word(), 0
        if self.peek()[1] == ",":
            self.take(",")
            bits = self.integer(self.literal())
        self.take(")")
        found = next((entry for entry in CODINGS if (entry.kind, entry.bits) == (kind, bits)), None)
        return found or self.fail(f"there is no coding '{kind}' of {bits} bits")

    def operator(self) -> Op:
        self.take("(")
        kind = self.kind()
        if self.peek()[1] == ",":
            self.take(",")
        return self.made(kind, dict(self.series(")", self.attribute)))

    def integer(self, value: object) -> int:
        if not isinstance(value, int):
            self.fail(f"'{value}' is not an integer")
        return value

    def name(self) -> str:
        kind, text = self.tokens.pop(0)
        if kind == "string":
            return str(json.loads(text))
        if kind != "word" or text in KEYWORDS:
            self.fail(f"'{text}' is not a name")
        return text

    def word(self) -> str:
        kind, text = self.tokens.pop(0)
        if kind != "word":
            self.fail(f"'{text}' is not a word")
        return text

    def take(self, text: str) -> None:
        found = self.tokens.pop(0)[1] if self.peek()[0] != "string" else self.peek()[1]
        if found != text:
            self.fail(f"'{text}' is expected, not '{found}'")

    def peek(self) -> tuple[str, str]:
        return self.tokens[0]

    def fail(self, message: str) -> NoReturn:
        raise UnreadableFile(f"graph text: {message}", where=f"line {self.number}")


def save_graph(graph: Graph) -> bytes:
    """Return the graph as one .npz, the same bytes for the same graph.

    It holds graph.txt, the constants in the order of the text, and graph.json with the origins
    and the places in the user's model.
    """
    notes = {
        "origins": {
            name: [o.tensor, o.perm, o.batched, o.scales]
            for name, o in sorted(graph.origins.items())
        },
        "locs": [[node.loc.file, node.loc.node, node.loc.op_type] for node in graph.nodes],
    }
    members = {"graph.txt": print_graph(graph).encode(), "graph.json": json.dumps(notes).encode()}
    for index, data in enumerate(graph.constants.values()):
        stream = io.BytesIO()
        np.lib.format.write_array(stream, np.ascontiguousarray(data), allow_pickle=False)
        members[_member(index)] = stream.getvalue()
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as file:
        for name, content in members.items():
            file.writestr(zipfile.ZipInfo(name), content)
    return archive.getvalue()


def _member(index: int) -> str:
    return f"constant_{index:04}.npy"


def load_graph(path: Path) -> Graph:
    """Return the graph that `save_graph` wrote; UnreadableFile where it is not one."""
    try:
        with zipfile.ZipFile(path) as file:
            text = file.read("graph.txt").decode()
            notes = json.loads(file.read("graph.json"))
            names = tuple(parse_graph(text).constants)
            data = (io.BytesIO(file.read(_member(index))) for index in range(len(names)))
            arrays = [np.lib.format.read_array(stream, allow_pickle=False) for stream in data]
    except FileNotFoundError:
        raise UnreadableFile("there is no such file", where=str(path)) from None
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise UnreadableFile("this is not a saved graph", where=str(path)) from error
    graph = parse_graph(text, dict(zip(names, arrays, strict=True)))
    locs = (Loc(*entry) for entry in notes["locs"])
    nodes = (
        Node(node.op, node.inputs, node.output, loc)
        for node, loc in zip(graph.nodes, locs, strict=True)
    )
    origins = {
        name: Origin(tensor, tuple(perm), batched, tuple(scales))
        for name, (tensor, perm, batched, scales) in notes["origins"].items()
    }
    return graph.with_nodes(nodes, origins=origins)
