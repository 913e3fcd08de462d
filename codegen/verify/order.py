"""The order of a certificate's calls, from its needs and wants alone."""

from __future__ import annotations

from collections.abc import Iterator

from codegen.errors import VerificationFailed
from codegen.ir.certificate import LATEST_WANTED, Certificate, CertifiedStep

ORDERS = (LATEST_WANTED,)
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
    """Yield the calls of a nest: always the latest step that may makes its next one."""
    touched: dict[int, list[int]] = {step: [step] for step in nest}
    for step in nest:
        for wait in (*steps[step].needs, *steps[step].wants):
            touched.get(wait.step, []).append(step)

    def is_ready(step: int) -> bool:
        call, wants = done[step], steps[step].wants
        waits = (done[need.step] >= need.calls_for(call) for need in steps[step].needs)
        asked = not wants or any(call < want.calls_for(done[want.step]) for want in wants)
        return call < steps[step].calls and asked and all(waits)

    ready = {step for step in nest if is_ready(step)}
    while ready:
        step = max(ready)
        yield step, done[step]
        done[step] += 1
        for other in touched[step]:
            (ready.add if is_ready(other) else ready.discard)(other)
