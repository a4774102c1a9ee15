"""What a plan would do and cost, told before it is carried out. Pure."""

from omectl.planner.preview.cost import ComponentCost, FilesCost, PlanCost, Price, Source, cost_of

__all__ = ["ComponentCost", "FilesCost", "PlanCost", "Price", "Source", "cost_of"]
