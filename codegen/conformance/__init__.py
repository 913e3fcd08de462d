"""The node tests that ship in the `onnx` package, run through the whole chain to the host's C."""

from codegen.conformance.cases import Case, load_cases
from codegen.conformance.run import Outcome, Status, run_case, run_cases
from codegen.conformance.summary import outcomes_to_json, write_page

__all__ = [
    "Case",
    "Outcome",
    "Status",
    "load_cases",
    "outcomes_to_json",
    "run_case",
    "run_cases",
    "write_page",
]
