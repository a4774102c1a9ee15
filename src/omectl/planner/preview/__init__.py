"""What a plan would do, change and cost, told before it is carried out. Pure."""

from omectl.planner.preview.cost import ComponentCost, FilesCost, PlanCost, Price, Source, cost_of
from omectl.planner.preview.fields import HIDDEN, Edit, FieldChange, field_changes, masked

__all__ = [
    "HIDDEN",
    "ComponentCost",
    "Edit",
    "FieldChange",
    "FilesCost",
    "PlanCost",
    "Price",
    "Source",
    "cost_of",
    "field_changes",
    "masked",
]
