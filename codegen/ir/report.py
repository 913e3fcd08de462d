"""Report: what a network costs, a layer a row, and what was proved of it.

None where a figure was not measured; `notes` say why.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from codegen.ir.interface import Interface


@dataclass(frozen=True, slots=True)
class LayerReport:
    """One layer of the schedule. `packets` of the configured radio payload carry its output.

    `live_bytes` is the arena in use while the layer runs. `in_float`: it computes in floats. Its
    weights take `weights_bytes` in a `coding`, or a byte each, `raw_weights_bytes`. `q_format` is
    that of its output where that has one, as Q2.5.
    """

    name: str
    op: str
    output_shape: tuple[int, ...]
    macs: int
    params: int
    output_bytes: int
    packets: int
    kernel: str
    family: str
    live_bytes: int
    instructions: int | None = None
    cycles: int | None = None
    lost_cycles: int | None = None
    in_float: bool = False
    coding: str = ""
    weights_bytes: int = 0
    raw_weights_bytes: int = 0
    q_format: str | None = None


@dataclass(frozen=True, slots=True)
class KernelCode:
    """A kernel, or a function that kernels share: bytes of code in the linked image.

    `layers` call it; what a compiler joined with a layer counts with it.
    """

    name: str
    code_bytes: int
    layers: int


@dataclass(frozen=True, slots=True)
class MemoryUse:
    """A memory that arena or constants were allowed to use, and how.

    `capacity_bytes` is what they may take. `lost_cycles`: what the accesses of one inference cost
    there beyond the core's own cycles, by a model of them.
    """

    name: str
    kind: str
    capacity_bytes: int
    used_bytes: int
    lost_cycles: int


@dataclass(frozen=True, slots=True)
class MemoryCosts:
    """Use of the chosen memories, cycles lost to them by each layer, and the least possible."""

    memories: tuple[MemoryUse, ...]
    layers: tuple[int, ...]
    lost_cycles: int
    lower_bound: int


@dataclass(frozen=True, slots=True)
class Totals:
    """The whole network; bytes unless the name says otherwise."""

    macs: int
    params: int
    arena_bytes: int
    arena_lower_bound_bytes: int
    input_bytes: int
    output_bytes: int
    weights_bytes: int | None = None
    code_bytes: int | None = None
    flash_bytes: int | None = None
    stack_bytes: int | None = None
    instructions: int | None = None
    cycles: int | None = None
    lost_cycles: int | None = None
    lost_cycles_lower_bound: int | None = None


@dataclass(frozen=True, slots=True)
class RamBudget:
    """What the plan was to attain: the limit of arena and stack that the user gave, what that left
    for the arena, and whether the least arena was asked for.
    """

    limit_bytes: int | None = None
    arena_limit_bytes: int | None = None
    least: bool = False


@dataclass(frozen=True, slots=True)
class Calibration:
    """Where the scales come from.

    kind: "model" (the file prescribes them), "samples" (the user's data, `source` its file name)
    or "synthetic" (random inputs: the scales are not to be trusted with real data).
    `method` says how ranges follow from samples.
    """

    kind: str
    samples: int = 0
    source: str = ""
    method: str = ""


@dataclass(frozen=True, slots=True)
class Savings:
    """What shrinking took out of a network, all of it without a change of the outputs.

    Channels are counted once for each layer that made them.
    """

    channels: int = 0
    macs: int = 0
    params: int = 0


@dataclass(frozen=True, slots=True)
class FormTrial:
    """A form of a layer's weights, and the ratio of signal to the noise it makes by itself.

    None: it makes none, or is what the others are compared with.
    """

    form: str
    weights_bytes: int
    sqnr_db: float | None


@dataclass(frozen=True, slots=True)
class LayerTrade:
    """The form that was chosen for a layer's weights, and all that were tried."""

    layer: str
    form: str
    weights_bytes: int
    trials: tuple[FormTrial, ...]


@dataclass(frozen=True, slots=True)
class Promotion:
    """Layers that could have a better form: what the ratio of signal to noise would gain by it."""

    layers: tuple[str, ...]
    gain_db: float
    bytes: int


@dataclass(frozen=True, slots=True)
class Trade:
    """What was given up for fewer bytes of weights, and what more bytes would buy.

    `sqnr_db` is the ratio of signal to noise at the outputs, measured; `expected_db` what the
    layers' own noises add up to; `first_db` that of all layers in the first of their forms, which
    take `first_bytes`.
    """

    layers: tuple[LayerTrade, ...]
    weights_bytes: int
    first_bytes: int
    sqnr_db: float
    expected_db: float
    first_db: float
    promotions: tuple[Promotion, ...]


@dataclass(frozen=True, slots=True)
class Agreement:
    """The fixed-point reference against the float network in onnxruntime, on the same samples.

    `top1` is the share of samples whose greatest output is the same, None where no output is a
    vector. Differences of outputs are in steps of the output's scale.
    """

    samples: int
    top1: float | None
    greatest_difference_steps: int
    mean_difference_steps: float


@dataclass(frozen=True, slots=True)
class Difference:
    """The first byte in which an implementation differs from the reference.

    `cause` is what was found to be at fault: a layer, or an edited line; "" if nothing was.
    """

    sample: str
    output: str
    index: int
    expected: int
    found: int
    cause: str = ""

    def __str__(self) -> str:
        cause = f"; {self.cause}" if self.cause else ""
        return (
            f"output '{self.output}'[{self.index}] is {self.found} instead of {self.expected}"
            f" for input {self.sample}{cause}"
        )


@dataclass(frozen=True, slots=True)
class Check:
    """One implementation compared with the reference in every output byte of every input.

    `place` is "host" or a target's name; `kernels` the family of kernels preferred in it.
    `networks` of a folder of several: the one compared, or those that ran in turn in one arena.
    """

    place: str
    kernels: str
    inputs: int
    compared_bytes: int
    difference: Difference | None = None
    networks: tuple[str, ...] = ()

    @property
    def equal(self) -> bool:
        return self.difference is None


@dataclass(frozen=True, slots=True)
class CompressionStep:
    """What one pass left of the weights: bytes before and after, if each that is not zero took one.

    After the last step, bytes are those stored. `sqnr_db` is the ratio of signal to noise at the
    outputs, to the original network; None without samples.
    """

    name: str
    before_bytes: int
    after_bytes: int
    sqnr_db: float | None = None


@dataclass(frozen=True, slots=True)
class BlockRams:
    """A memory of an engine, words of bits, and the block RAMs that it takes."""

    memory: str
    words: int
    bits: int
    blocks: int


@dataclass(frozen=True, slots=True)
class Hardware:
    """An engine of `pe` times `simd` products and `lanes` rescalers in an FPGA.

    `cycles` are those of a frame whose streams never wait. `dsps` is 0 where products are made of
    logic. `logic_cells` are an estimate, None where there is none for the family. `ring`: words of
    weights that are held at a time where they come in a stream, else 0. All of it is computed, not
    synthesized.
    """

    family: str
    device: str
    pe: int
    simd: int
    lanes: int
    cycles: int
    multipliers: int
    dsps: int
    dsps_available: int
    block_rams: tuple[BlockRams, ...]
    block_rams_available: int
    logic_cells: int | None = None
    logic_cells_available: int = 0
    ring: int = 0

    @property
    def block_ram_count(self) -> int:
        """Those of all memories."""
        return sum(use.blocks for use in self.block_rams)


@dataclass(frozen=True, slots=True)
class Timing:
    """The clock that placing from a seed attained, by static timing."""

    seed: int
    mhz: float


@dataclass(frozen=True, slots=True)
class Synthesis:
    """What synthesis made of a network in hardware, behind four pins.

    `logic_cells`: look-up tables with those of carries and small memories, once placed; None where
    it was not. `timings` of placing for a clock of `goal_mhz`, a seed each.
    """

    tools: tuple[str, ...]
    luts: int
    carries: int
    flip_flops: int
    dsps: int
    block_rams: int
    logic_cells: int | None
    goal_mhz: float
    timings: tuple[Timing, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """Schema "codegen.report/1"; docs/report.md is its documentation."""

    generator: str
    model: str
    model_digest: str
    target: str
    clock_hz: int | None
    calibration: Calibration
    pdu_payload_bytes: int
    interface: Interface
    totals: Totals
    layers: tuple[LayerReport, ...]
    kernels: tuple[KernelCode, ...] = ()
    memories: tuple[MemoryUse, ...] = ()
    ram: RamBudget = RamBudget()
    savings: Savings = Savings()
    trade: Trade | None = None
    compression: tuple[CompressionStep, ...] = ()
    agreement: Agreement | None = None
    hardware: Hardware | None = None
    synthesis: Synthesis | None = None
    checks: tuple[Check, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class BundleTotals:
    """Networks that run in turn in one arena, as a whole; bytes.

    Saved is what the images of the networks alone hold more than once, beyond its first time.
    """

    arena_bytes: int
    weights_bytes: int | None = None
    code_bytes: int | None = None
    flash_bytes: int | None = None
    stack_bytes: int | None = None
    saved_weights_bytes: int | None = None
    saved_code_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class BundleReport:
    """Schema "codegen.bundle/1"; a bundle of one network has the schema of its report.

    `checks` are those in one arena; each network's own are in its report.
    """

    name: str
    networks: tuple[Report, ...]
    totals: BundleTotals
    checks: tuple[Check, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def all_checks(self) -> tuple[Check, ...]:
        """The checks of each network, then those in one arena; where several, named."""
        if len(self.networks) == 1:
            return self.networks[0].checks
        own = [
            replace(check, networks=(report.interface.name,))
            for report in self.networks
            for check in report.checks
        ]
        return (*own, *self.checks)
