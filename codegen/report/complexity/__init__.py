"""Costs that follow from a network's structure alone: nothing is trained, quantized or built."""

from codegen.report.complexity.block import ALPHA, RHO, Study, study_block
from codegen.report.complexity.count import Complexity, Measure, Row, Share, count
from codegen.report.complexity.layers import Kind, Layer, Structure, read_structure
from codegen.report.complexity.rules import MOBILE, NETSCOPE, RULES, Cost, Rules, find_rules
from codegen.report.complexity.split import Cut, Split, split

__all__ = [
    "ALPHA",
    "MOBILE",
    "NETSCOPE",
    "RHO",
    "RULES",
    "Complexity",
    "Cost",
    "Cut",
    "Kind",
    "Layer",
    "Measure",
    "Row",
    "Rules",
    "Share",
    "Split",
    "Structure",
    "Study",
    "count",
    "find_rules",
    "read_structure",
    "split",
    "study_block",
]
