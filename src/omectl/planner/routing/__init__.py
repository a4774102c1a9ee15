"""How a service is reached: its one stable Service, what leads to it from outside, and the URLs."""

from omectl.planner.routing.choice import Route, route
from omectl.planner.routing.readiness import route_verdict

__all__ = ["Route", "route", "route_verdict"]
