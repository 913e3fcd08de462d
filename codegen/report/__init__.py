"""Reports: made from what the stages know, written as JSON, read back, shown on a console."""

from codegen.report.console import render_checks, render_report
from codegen.report.dump import Dump
from codegen.report.json_form import SCHEMA, check_to_json, load_report, report_to_json
from codegen.report.make import Measured, make_report, read_measures

__all__ = [
    "SCHEMA",
    "Dump",
    "Measured",
    "check_to_json",
    "load_report",
    "make_report",
    "read_measures",
    "render_checks",
    "render_report",
    "report_to_json",
]
