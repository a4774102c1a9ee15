"""What a plan would do, change and cost, told before it is carried out. Pure."""

from omectl.planner.preview.cost import ComponentCost, FilesCost, PlanCost, Price, Source, cost_of
from omectl.planner.preview.fields import Edit, FieldChange, field_changes

__all__ = [
    "ComponentCost",
    "Edit",
    "FieldChange",
    "FilesCost",
    "PlanCost",
    "Price",
    "Source",
    "cost_of",
    "field_changes",
]
