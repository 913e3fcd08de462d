"""Published tables of networks' costs, and how the zoo gives their figures.

A figure is a cell of a table: what is printed, how it follows from a network of the zoo, to which
precision the two agree, or why they do not. docs/tables.md shows them all.
"""

from codegen.report.published.cifar10 import CIFAR10_TABLE
from codegen.report.published.compare import Compared, compare_tables
from codegen.report.published.figure import Bench, Figure, Ours, Table
from codegen.report.published.mobilenet_v1 import MOBILENET_V1_TABLES
from codegen.report.published.mobilenet_v2 import MOBILENET_V2_TABLES
from codegen.report.published.netscope import NETSCOPE_TABLE
from codegen.report.published.others import OTHER_TABLES
from codegen.report.published.shufflenet import SHUFFLENET_TABLES
from codegen.report.published.squeezenet import SQUEEZENET_TABLE

TABLES: tuple[Table, ...] = (
    NETSCOPE_TABLE,
    CIFAR10_TABLE,
    SQUEEZENET_TABLE,
    *MOBILENET_V1_TABLES,
    *MOBILENET_V2_TABLES,
    *SHUFFLENET_TABLES,
    *OTHER_TABLES,
)

__all__ = ["TABLES", "Bench", "Compared", "Figure", "Ours", "Table", "compare_tables"]
