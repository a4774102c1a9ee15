"""How a service is reached: its one stable Service, what leads to it from outside, and the URLs."""

from omectl.planner.routing.choice import Route, route
from omectl.planner.routing.entry import entry_of
from omectl.planner.routing.readiness import is_taken, route_verdict

__all__ = ["Route", "entry_of", "is_taken", "route", "route_verdict"]
