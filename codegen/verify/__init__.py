"""Verify: reference == host C == emulated target C, in every output byte."""

from codegen.verify.agreement import measure_agreement
from codegen.verify.check import Subject, TargetRun
from codegen.verify.edits import find_edit
from codegen.verify.inputs import Inputs, make_inputs, run_reference
from codegen.verify.study import Study, study
from codegen.verify.tokens import check_memory
from codegen.verify.turns import SharedStudy, study_turns

__all__ = [
    "Inputs",
    "SharedStudy",
    "Study",
    "Subject",
    "TargetRun",
    "check_memory",
    "find_edit",
    "make_inputs",
    "measure_agreement",
    "run_reference",
    "study",
    "study_turns",
]
