"""The order of a certificate's calls, from its needs alone."""

from __future__ import annotations

from collections.abc import Iterator

from codegen.errors import VerificationFailed
from codegen.ir.certificate import LATEST_READY, Certificate, CertifiedStep

ORDERS = (LATEST_READY,)
"""The orders that can be followed, by the names that certificates give them."""


def call_order(certificate: Certificate) -> tuple[tuple[int, int], ...]:
    """Return step and call of that step, in the order in which the C makes all calls.

    Nests follow each other. VerificationFailed where a nest cannot finish.
    """
    steps, done = certificate.steps, [0] * len(certificate.steps)
    found: list[tuple[int, int]] = []
    start = 0
    for nest in certificate.nests:
        inside = range(start, start + len(nest.steps))
        found += _run_nest(steps, inside, done)
        stuck = [steps[i].name for i in inside if done[i] < steps[i].calls]
        if stuck:
            raise VerificationFailed(f"{', '.join(stuck)}: wait for rows that are never made")
        start = inside.stop
    return tuple(found)


def _run_nest(
    steps: tuple[CertifiedStep, ...], nest: range, done: list[int]
) -> Iterator[tuple[int, int]]:
    """Yield the calls of a nest: always the latest step that is ready makes its next one."""
    readers: dict[int, list[int]] = {step: [step] for step in nest}
    for step in nest:
        for need in steps[step].needs:
            readers.get(need.step, []).append(step)

    def is_ready(step: int) -> bool:
        call = done[step]
        waits = (done[need.step] >= need.calls_for(call) for need in steps[step].needs)
        return call < steps[step].calls and all(waits)

    ready = {step for step in nest if is_ready(step)}
    while ready:
        step = max(ready)
        yield step, done[step]
        done[step] += 1
        for reader in readers[step]:
            if is_ready(reader):
                ready.add(reader)
            else:
                ready.discard(reader)
