"""What is wrong with runtimes, models and accelerator classes, for their authors. Pure."""

from omectl.planner.lint.catalogue import Document
from omectl.planner.lint.finding import Finding, Source
from omectl.planner.lint.linting import lint, object_findings
from omectl.planner.lint.rules import RULES, Code, Rule, Severity

__all__ = ["RULES", "Code", "Document", "Finding", "Rule", "Severity", "Source", "lint", "object_findings"]
