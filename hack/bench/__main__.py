"""`python -m hack.bench NAME`: measure, and print a table and one line of JSON. Exits 0 when it measured."""

import sys
from collections.abc import Callable
from importlib import import_module

from hack.bench.report import Report

from omectl.cli.logs import set_up_quiet_logging

NAMES = ("cache", "up")


def main() -> None:
    if len(sys.argv) != 2 or sys.argv[1] not in NAMES:
        sys.exit(f"wanted one of {', '.join(NAMES)}, found {' '.join(sys.argv[1:]) or 'nothing'}")
    set_up_quiet_logging()
    run: Callable[[], Report] = import_module(f"hack.bench.{sys.argv[1]}").run
    run().print()


main()
