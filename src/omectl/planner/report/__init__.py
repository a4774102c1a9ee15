"""One report on a service: what was chosen, every candidate with every reason, and what would have to change. Pure."""

from omectl.planner.report.change import Change, Remedy
from omectl.planner.report.checks import Check
from omectl.planner.report.document import as_json
from omectl.planner.report.report import SelectionReport, report_of
from omectl.planner.report.told import AcceleratorTold, ClassTold, ModelTold, RuntimeTold
from omectl.planner.report.way import Way
from omectl.planner.report.words import in_words

__all__ = [
    "AcceleratorTold",
    "Change",
    "Check",
    "ClassTold",
    "ModelTold",
    "Remedy",
    "RuntimeTold",
    "SelectionReport",
    "Way",
    "as_json",
    "in_words",
    "report_of",
]
