"""The `omectl` command."""

from omectl.cli.app import main

__all__ = ["main"]
