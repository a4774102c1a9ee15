"""A model hub on this machine: serves model directories with the Hugging Face Hub's protocol, read-only."""

from omectl.local.hub.options import Faults, FileFault, HubOptions, RequestLimit
from omectl.local.hub.repository import RepositoryError
from omectl.local.hub.server import HubServer
from omectl.local.hub.statistics import FileStatistics, HubStatistics

__all__ = [
    "Faults",
    "FileFault",
    "FileStatistics",
    "HubOptions",
    "HubServer",
    "HubStatistics",
    "RepositoryError",
    "RequestLimit",
]
