"""Plan the arena: live ranges, values that share bytes, offsets, and a proved lower bound."""

from codegen.ir.memory import MemoryPlan
from codegen.ir.schedule import Schedule
from codegen.plan.lifetimes import find_buffers
from codegen.plan.offsets import place
from codegen.schedule.rows import run_order

__all__ = ["find_buffers", "make_plan", "place"]


def make_plan(schedule: Schedule) -> MemoryPlan:
    """Return the smallest placement found for all that the schedule keeps at one time."""
    events = run_order(schedule).events
    return place(find_buffers(schedule, events), tuple(event.step for event in events))
