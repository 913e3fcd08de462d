"""Verify: reference == host C == emulated target C, in every output byte."""

from codegen.verify.agreement import measure_agreement
from codegen.verify.check import Subject, TargetRun, check_target, raise_if_different
from codegen.verify.collisions import check_collisions
from codegen.verify.commands import check_commands
from codegen.verify.edits import find_edit, find_edit_of, lower_again
from codegen.verify.exported import check_exported
from codegen.verify.inputs import Inputs, make_inputs, run_reference
from codegen.verify.plan_json import load_plan, parse_plan, plan_file, plan_to_json
from codegen.verify.study import Study, study
from codegen.verify.tokens import check_plan
from codegen.verify.turns import SharedStudy, study_turns
from codegen.verify.verilog import check_flow, check_hardware
from codegen.verify.written import check_written

__all__ = [
    "Inputs",
    "SharedStudy",
    "Study",
    "Subject",
    "TargetRun",
    "check_collisions",
    "check_commands",
    "check_exported",
    "check_flow",
    "check_hardware",
    "check_plan",
    "check_target",
    "check_written",
    "find_edit",
    "find_edit_of",
    "load_plan",
    "lower_again",
    "make_inputs",
    "measure_agreement",
    "parse_plan",
    "plan_file",
    "plan_to_json",
    "raise_if_different",
    "run_reference",
    "study",
    "study_turns",
]
