"""The node agent: finds the models that this node should hold, brings their files and reports what it has."""

from omectl.modelagent.agent import Agent
from omectl.modelagent.options import AgentOptions

__all__ = ["Agent", "AgentOptions"]
