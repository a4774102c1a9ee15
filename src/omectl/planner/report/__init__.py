"""One report on a service: what was chosen, every candidate with every reason, and what would have to change. Pure."""

from omectl.planner.report.change import Change, Remedy
from omectl.planner.report.document import as_json
from omectl.planner.report.report import Check, ModelTold, RuntimeTold, SelectionReport, report_of
from omectl.planner.report.words import in_words

__all__ = [
    "Change",
    "Check",
    "ModelTold",
    "Remedy",
    "RuntimeTold",
    "SelectionReport",
    "as_json",
    "in_words",
    "report_of",
]
