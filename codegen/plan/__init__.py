"""Plan the arena: live ranges, values that share bytes, offsets, and a proved lower bound."""

from codegen.ir.memory import MemoryPlan
from codegen.ir.schedule import Schedule
from codegen.plan.lifetimes import find_buffers
from codegen.plan.offsets import SEARCH_STEPS, place
from codegen.schedule.rows import run_order

__all__ = ["find_buffers", "make_plan", "place"]


def make_plan(schedule: Schedule, search_steps: int = SEARCH_STEPS) -> MemoryPlan:
    """Return the smallest placement found for all that the schedule keeps at one time.

    Greedy orders first, then an exact search of at most `search_steps`.
    """
    events = run_order(schedule).events
    steps = tuple(event.step for event in events)
    return place(find_buffers(schedule, events), steps, search_steps)
