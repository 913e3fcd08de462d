"""Reports: made from what the stages know, shown on a console, written as JSON and HTML."""

from codegen.report.bundle import make_bundle
from codegen.report.console import render_bundle, render_checks, render_report
from codegen.report.dump import Dump
from codegen.report.html import html_file, report_to_html
from codegen.report.json_form import (
    BUNDLE_SCHEMA,
    SCHEMA,
    bundle_to_json,
    check_to_json,
    load_report,
    report_to_json,
)
from codegen.report.make import Measured, hardware_measures, make_report, read_measures
from codegen.report.memory_text import render_memory

__all__ = [
    "BUNDLE_SCHEMA",
    "SCHEMA",
    "Dump",
    "Measured",
    "bundle_to_json",
    "check_to_json",
    "hardware_measures",
    "html_file",
    "load_report",
    "make_bundle",
    "make_report",
    "read_measures",
    "render_bundle",
    "render_checks",
    "render_memory",
    "render_report",
    "report_to_html",
    "report_to_json",
]
