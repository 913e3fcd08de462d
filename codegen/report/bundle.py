"""Make the report of networks that share a library from their own reports and one image of all."""

from __future__ import annotations

from collections.abc import Sequence

from codegen.ir.interface import shared_arena
from codegen.ir.report import BundleReport, BundleTotals, Report
from codegen.report.make import fit_notes
from codegen.targets import Target
from codegen.toolchain import ElfFacts
from codegen.verify import SharedStudy, TargetRun


def alone(report: Report) -> BundleReport:
    """Return the report of a folder with one network."""
    return BundleReport(report.interface.name, (report,), _arena_only((report,)))


def make_bundle(
    name: str,
    reports: Sequence[Report],
    target: Target,
    runs: Sequence[TargetRun],
    found: SharedStudy,
) -> BundleReport:
    """Return the report of a library of that name.

    `runs` are those of each network in an image of its own, `found` tells of the image of all.
    """
    if len(reports) == 1:
        return alone(reports[0])
    totals = _arena_only(reports)
    if found.facts and len(runs) == len(reports):
        totals = _measured(totals, found.facts[0], runs)
    notes = (*found.notes, *fit_notes(totals, target))
    return BundleReport(name, tuple(reports), totals, found.checks, notes)


def _arena_only(reports: Sequence[Report]) -> BundleTotals:
    return BundleTotals(shared_arena([report.interface for report in reports])[0])


def _measured(totals: BundleTotals, facts: ElfFacts, runs: Sequence[TargetRun]) -> BundleTotals:
    """Return the totals with sizes; what the compiler's library adds would be shared anyway."""
    return BundleTotals(
        arena_bytes=totals.arena_bytes,
        weights_bytes=facts.weights_bytes,
        code_bytes=facts.code_bytes,
        flash_bytes=facts.flash_bytes,
        stack_bytes=max(run.run.stack_bytes for run in runs),
        saved_weights_bytes=sum(run.facts.weights_bytes for run in runs) - facts.weights_bytes,
        saved_code_bytes=sum(_own_code(run.facts) for run in runs) - _own_code(facts),
    )


def _own_code(facts: ElfFacts) -> int:
    return facts.code_bytes - facts.runtime_bytes
