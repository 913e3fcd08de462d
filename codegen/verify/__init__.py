"""Verify: reference == host C == emulated target C, in every output byte."""

from codegen.verify.agreement import measure_agreement
from codegen.verify.check import Subject, TargetRun, check_target
from codegen.verify.edits import find_edit
from codegen.verify.exported import check_exported
from codegen.verify.inputs import Inputs, make_inputs, run_reference
from codegen.verify.plan_json import load_plan, parse_plan, plan_file, plan_to_json
from codegen.verify.study import Study, study
from codegen.verify.tokens import check_plan
from codegen.verify.turns import SharedStudy, study_turns
from codegen.verify.written import check_written

__all__ = [
    "Inputs",
    "SharedStudy",
    "Study",
    "Subject",
    "TargetRun",
    "check_exported",
    "check_plan",
    "check_target",
    "check_written",
    "find_edit",
    "load_plan",
    "make_inputs",
    "measure_agreement",
    "parse_plan",
    "plan_file",
    "plan_to_json",
    "run_reference",
    "study",
    "study_turns",
]
