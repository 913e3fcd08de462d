"""Goals of the choice of forms: bytes of flash, or a ratio of signal to noise."""

from __future__ import annotations

from codegen.errors import BadOption, CodegenError, DoesNotFit
from codegen.ir.graph import Graph
from codegen.ops import Conv2d, Dense
from codegen.options import SQNR_DB, Options
from codegen.quantize.choose_forms import FormGoal, FormSearch
from codegen.quantize.ranges import Evidence, Ranges
from codegen.quantize.sensitivity import decibels, noise_of
from codegen.quantize.weight_form import INT8, WeightForm

OFFERED = (
    WeightForm(huffman=True),
    *(WeightForm(codebook=bits) for bits in (5, 3)),
    *(WeightForm(bits, huffman=code) for bits in (4, 2) for code in (False, True)),
    WeightForm(1),
    WeightForm(4, density=0.5),
    *(WeightForm(codebook=bits, density=part) for bits, part in ((3, 0.5), (5, 0.3))),
)
"""The forms that a layer's weights may be given instead of 8 bits."""
CODE_BYTES = 10_000
"""What code takes, about, until it is built."""
CHANNEL_BYTES = 8
"""A bias and a multiplier."""


def evidence_for_choice(ranges: Ranges | None, option: str) -> Evidence:
    """Return what bits are compared on; BadOption where there are no samples."""
    if ranges is None or ranges.evidence is None or ranges.synthetic:
        raise BadOption(
            f"{option}: what fewer bits cost is measured on samples, and there are none",
            hint="give some with --calibrate",
        )
    return ranges.evidence


def offered_forms(options: Options) -> tuple[WeightForm, ...]:
    """Return the forms that weights may be given; pruning is fitted where they are rounded."""
    if options.scheme == "pow2":
        return tuple(form for form in OFFERED if form.plain == INT8)
    can_prune = "round" in options.repair
    return tuple(form for form in OFFERED if can_prune or form.density == 1)


def first_goal(options: Options, network: Graph) -> FormGoal:
    """Return what the options ask for; of flash, what is left when code is as large as usual."""
    if options.flash_bytes is not None:
        return FormGoal(flash_bytes=max(0, options.flash_bytes - other_bytes(network)))
    return FormGoal(noise=noise_of(least_sqnr(options)))


def least_sqnr(options: Options) -> float:
    """Return the least ratio of signal to noise, in dB, that bits are chosen for."""
    return SQNR_DB if options.sqnr_db is None else options.sqnr_db


def other_bytes(network: Graph) -> int:
    """Return an estimate of what the flash holds besides weights."""
    layers = (node for node in network.nodes if isinstance(node.op, Conv2d | Dense))
    channels = sum(network.types[node.output].channels for node in layers)
    return CODE_BYTES + CHANNEL_BYTES * channels


def explain_forms(search: FormSearch, goal: FormGoal, options: Options) -> CodegenError:
    """Return the error for a goal that no choice of forms keeps."""
    candidates = search.sensitivity.candidates.values()
    if goal.flash_bytes is not None:
        least = sum(min(c.flash_bytes for c in layer) for layer in candidates)
        return DoesNotFit(
            f"--flash: weights take at least {least:,} bytes in the forms that they may have, and"
            f" of {options.flash_bytes:,} bytes {goal.flash_bytes:,} are left for them",
            hint=f"about {(options.flash_bytes or 0) + least - goal.flash_bytes:,} bytes would do",
        )
    assert goal.noise is not None
    return BadOption(
        f"--sqnr: weights of 8 bits have {decibels(search.sensitivity.noise):.1f} dB, less than"
        f" the {decibels(goal.noise):.1f} dB asked for",
        hint="ask for less, or give values more bits: --activations auto, or int16",
    )
