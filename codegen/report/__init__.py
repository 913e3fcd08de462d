"""Reports: made from what the stages know, shown on a console, written as JSON and HTML."""

from codegen.report.console import render_checks, render_report
from codegen.report.dump import Dump
from codegen.report.html import HTML_FILE, report_to_html
from codegen.report.json_form import SCHEMA, check_to_json, load_report, report_to_json
from codegen.report.make import Measured, make_report, read_measures
from codegen.report.memory_text import render_memory

__all__ = [
    "HTML_FILE",
    "SCHEMA",
    "Dump",
    "Measured",
    "check_to_json",
    "load_report",
    "make_report",
    "read_measures",
    "render_checks",
    "render_memory",
    "render_report",
    "report_to_html",
    "report_to_json",
]
