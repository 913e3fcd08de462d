"""Check: all that keeps a network from being emitted, at once, and what will become of it."""

from codegen.check.check import Checked, check_model
from codegen.check.facts import Fold, OpenInput, Summary
from codegen.check.findings import Finding
from codegen.check.show import SCHEMA, checked_to_json, render_checked

__all__ = [
    "SCHEMA",
    "Checked",
    "Finding",
    "Fold",
    "OpenInput",
    "Summary",
    "check_model",
    "checked_to_json",
    "render_checked",
]
