"""Layers that differ in numbers alone share a kernel, which is told them at run time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from codegen.ir.program import Field
from codegen.ir.schedule import Kernel
from codegen.lower.bind import Binding

INT16_MAX = 32_767


def share_shapes(kernels: Sequence[Kernel], bindings: Sequence[Binding]) -> tuple[Binding, ...]:
    """Return bindings of which equal kernels read what differs from a shape.

    Only what `Kernel.fields` names may differ.
    """
    groups: dict[tuple[Kernel, str], list[int]] = {}
    for index, (kernel, binding) in enumerate(zip(kernels, bindings, strict=True)):
        fixed = {k: v for k, v in binding.params.items() if k not in kernel.fields}
        groups.setdefault((kernel, repr(sorted(fixed.items()))), []).append(index)
    found = list(bindings)
    for (kernel, _), members in groups.items():
        params = [bindings[index].params for index in members]
        varying = {
            name: as_fields(name, [p[name] for p in params])
            for name in kernel.fields
            if any(p[name] != params[0][name] for p in params)
        }
        for index in members if varying else ():
            own = bindings[index]
            shape = [n for name in varying for n in numbers(own.params[name])]
            found[index] = replace(
                own, stem=kernel.name, params={**own.params, **varying}, shape=tuple(shape)
            )
    return tuple(found)


def as_fields(name: str, values: Sequence[object]) -> Field | tuple[Field, ...]:
    """Return what stands for a number, or for several, that the layers give."""
    columns = list(zip(*map(numbers, values), strict=True))
    types = ["int16_t" if max(map(abs, column)) <= INT16_MAX else "int32_t" for column in columns]
    if isinstance(values[0], int):
        return Field(name, types[0])
    return tuple(Field(f"{name}_{i}", ctype) for i, ctype in enumerate(types))


def numbers(value: object) -> tuple[int, ...]:
    """Return a parameter's number, or its several, as a tuple."""
    if isinstance(value, int):
        return (value,)
    assert isinstance(value, tuple)
    return value
