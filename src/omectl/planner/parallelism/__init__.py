"""How an engine is spread over GPUs: one record, chosen or read, checked, and written as an engine's flags."""

from omectl.planner.parallelism.choice import Basis, Choice, choose, deployed
from omectl.planner.parallelism.count import Count, gpu_count
from omectl.planner.parallelism.problems import Code, Problem
from omectl.planner.parallelism.reading import CommandLine, Stated, command_line
from omectl.planner.parallelism.record import Parallelism
from omectl.planner.parallelism.rendering import PARALLELISM_SIZE, Rendered
from omectl.planner.parallelism.validation import Divisions, problems_of

__all__ = [
    "PARALLELISM_SIZE",
    "Basis",
    "Choice",
    "Code",
    "CommandLine",
    "Count",
    "Divisions",
    "Parallelism",
    "Problem",
    "Rendered",
    "Stated",
    "choose",
    "command_line",
    "deployed",
    "gpu_count",
    "problems_of",
]
