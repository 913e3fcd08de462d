"""Random networks of odd sizes: the graph before and after the passes equals onnxruntime."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import onnx
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from codegen.ir.types import Array
from tests.frontend.compare import assert_same, make_model


@dataclass(slots=True)
class Recipe:
    """A network under construction: the text of its nodes, and the shape of each tensor."""

    draw: st.DrawFn
    rng: np.random.Generator
    shapes: dict[str, tuple[int, ...]]
    lines: list[str] = field(default_factory=list)
    constants: dict[str, Array] = field(default_factory=dict)

    def integer(self, low: int, high: int) -> int:
        return self.draw(st.integers(low, high))

    def tensor(self, rank: int | None = None) -> str:
        names = [name for name, shape in self.shapes.items() if rank in (None, len(shape))]
        return self.draw(st.sampled_from(names))

    def constant(self, data: Array) -> str:
        name = f"c{len(self.constants)}"
        self.constants[name] = data
        return name

    def real(self, *shape: int) -> str:
        return self.constant(self.rng.standard_normal(shape).astype(np.float32) * 0.5)

    def add(self, expression: str, shape: tuple[int, ...]) -> None:
        name = f"t{len(self.lines)}"
        self.lines.append(f"{name} = {expression}")
        self.shapes[name] = shape

    def window(self, size: tuple[int, ...]) -> tuple[str, list[int], tuple[int, ...]]:
        """Return attributes, the kernel, and the size of the result."""
        kernel = [self.integer(1, min(3, n)) for n in size]
        strides = [self.integer(1, 2) for _ in size]
        pads = [self.integer(0, kernel[i % 2] - 1) for i in range(4)]
        result = tuple(
            (size[i] + pads[i] + pads[i + 2] - kernel[i]) // strides[i] + 1 for i in (0, 1)
        )
        return f"strides={strides}, pads={pads}", kernel, result


def conv(recipe: Recipe) -> None:
    x = recipe.tensor(3)
    channels, *size = recipe.shapes[x]
    attributes, kernel, result = recipe.window(tuple(size))
    group = recipe.draw(st.sampled_from([g for g in (1, channels) if channels % g == 0]))
    filters = group * recipe.integer(1, 3)
    w = recipe.real(filters, channels // group, *kernel)
    b = recipe.real(filters)
    recipe.add(f"Conv <{attributes}, group={group}> ({x}, {w}, {b})", (filters, *result))


def pool(recipe: Recipe) -> None:
    x = recipe.tensor(3)
    channels, *size = recipe.shapes[x]
    attributes, kernel, result = recipe.window(tuple(size))
    kind = recipe.draw(st.sampled_from(["MaxPool", "AveragePool"]))
    if kind == "AveragePool":
        attributes += f", count_include_pad={recipe.integer(0, 1)}"
    recipe.add(f"{kind} <kernel_shape={kernel}, {attributes}> ({x})", (channels, *result))


def affine(recipe: Recipe) -> None:
    x = recipe.tensor()
    shape = recipe.shapes[x]
    kind = recipe.draw(st.sampled_from(["Add", "Sub", "Mul"]))
    axis = recipe.integer(0, len(shape) - 1)
    sizes = [n if i == axis else 1 for i, n in enumerate(shape)]
    operands = [x, recipe.real(*sizes)]
    if recipe.draw(st.booleans()):
        operands.reverse()
    recipe.add(f"{kind} ({', '.join(operands)})", shape)


def batch_normalization(recipe: Recipe) -> None:
    x = recipe.tensor()
    channels = recipe.shapes[x][0]
    names = [recipe.real(channels) for _ in range(3)]
    variance = recipe.constant(recipe.rng.uniform(0.5, 2, channels).astype(np.float32))
    recipe.add(f"BatchNormalization ({x}, {', '.join(names)}, {variance})", recipe.shapes[x])


def elementwise(recipe: Recipe) -> None:
    x = recipe.tensor()
    bounds = recipe.constant(np.float32(-0.5)), recipe.constant(np.float32(0.75))
    forms = [f"Relu ({x})", f"Clip ({x}, {', '.join(bounds)})", f"Identity ({x})"]
    forms.append(f"Softmax <axis={recipe.integer(1, len(recipe.shapes[x]))}> ({x})")
    recipe.add(recipe.draw(st.sampled_from(forms)), recipe.shapes[x])


def combine(recipe: Recipe) -> None:
    x = recipe.tensor()
    shape = recipe.shapes[x]
    others = [name for name, found in recipe.shapes.items() if found == shape]
    other = recipe.draw(st.sampled_from(others))
    if recipe.draw(st.booleans()):
        recipe.add(f"Add ({x}, {other})", shape)
        return
    axis = recipe.integer(0, len(shape) - 1)
    joined = tuple(2 * n if i == axis else n for i, n in enumerate(shape))
    recipe.add(f"Concat <axis={axis + 1}> ({x}, {other})", joined)


def pad(recipe: Recipe) -> None:
    x = recipe.tensor(3)
    counts = [recipe.integer(0, 1) for _ in range(6)]
    shape = tuple(n + counts[i] + counts[i + 3] for i, n in enumerate(recipe.shapes[x]))
    pads = recipe.constant(np.asarray([0, *counts[:3], 0, *counts[3:]], np.int64))
    recipe.add(f"Pad ({x}, {pads})", shape)


def transpose(recipe: Recipe) -> None:
    x = recipe.tensor()
    shape = recipe.shapes[x]
    perm = recipe.draw(st.permutations(range(len(shape))))
    onnx_perm = [0, *(axis + 1 for axis in perm)]
    recipe.add(f"Transpose <perm={onnx_perm}> ({x})", tuple(shape[axis] for axis in perm))


def reshape(recipe: Recipe) -> None:
    x = recipe.tensor()
    shape = recipe.shapes[x]
    total = int(np.prod(shape))
    first = recipe.draw(st.sampled_from([n for n in range(1, total + 1) if total % n == 0][:6]))
    wanted = recipe.draw(st.sampled_from([(total,), (first, total // first), (*shape[:1], -1)]))
    sizes = recipe.constant(np.asarray([1, *wanted], np.int64))
    result = tuple(total // shape[0] if n == -1 else n for n in wanted)
    recipe.add(f"Reshape ({x}, {sizes})", result)


def dense(recipe: Recipe) -> None:
    x = recipe.tensor()
    shape = recipe.shapes[x]
    outputs = recipe.integer(1, 5)
    w = recipe.real(shape[-1], outputs)
    recipe.add(f"MatMul ({x}, {w})", (*shape[:-1], outputs))


def gemm(recipe: Recipe) -> None:
    x = recipe.tensor()
    columns = int(np.prod(recipe.shapes[x]))
    recipe.add(f"Flatten ({x})", (columns,))
    flat = f"t{len(recipe.lines) - 1}"
    outputs = recipe.integer(1, 5)
    w, b = recipe.real(outputs, columns), recipe.real(outputs)
    recipe.add(f"Gemm <transB=1> ({flat}, {w}, {b})", (outputs,))


def mean(recipe: Recipe) -> None:
    x = recipe.tensor(3)
    axes = recipe.draw(st.sampled_from([[1], [2, 3], [3], [2], [1, 3]]))
    keep = recipe.integer(0, 1)
    sizes = [1 if i + 1 in axes else n for i, n in enumerate(recipe.shapes[x])]
    shape = tuple(n for i, n in enumerate(sizes) if keep or i + 1 not in axes)
    recipe.add(f"ReduceMean <axes={axes}, keepdims={keep}> ({x})", shape)


STEPS = (
    conv,
    pool,
    affine,
    batch_normalization,
    elementwise,
    combine,
    pad,
    transpose,
    reshape,
    dense,
    gemm,
    mean,
)


@st.composite
def models(draw: st.DrawFn) -> onnx.ModelProto:
    shape = draw(st.tuples(*[st.integers(1, 7)] * 3))
    recipe = Recipe(draw, np.random.default_rng(draw(st.integers(0, 9))), {"x": shape})
    for step in draw(st.lists(st.sampled_from(STEPS), min_size=1, max_size=8)):
        step(recipe)
    last = f"t{len(recipe.lines) - 1}"
    outputs = {last, recipe.tensor()} - {"x"}
    return make_model(
        "\n".join(recipe.lines), recipe.constants, {"x": shape}, tuple(sorted(outputs))
    )


@given(models())
@settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
def test_random_network_equals_onnxruntime(model: onnx.ModelProto) -> None:
    assert_same(model)
