"""`python -m hack.bench NAME [ARGS]`: measure, and print a table and one line of JSON. Exits 0 when it measured."""

import sys
from collections.abc import Callable, Sequence
from importlib import import_module

from hack.bench.report import Report

from omectl.cli.logs import set_up_quiet_logging

MODULES = {
    "up": "up",
    "machinery": "machinery.run",
    "soak": "machinery.soak",
    "plan": "plan.run",
    "parser": "parser.run",
    "services": "services.run",
}


def main() -> None:
    if len(sys.argv) < 2 or sys.argv[1] not in MODULES:
        sys.exit(f"wanted one of {', '.join(MODULES)}, found {' '.join(sys.argv[1:]) or 'nothing'}")
    set_up_quiet_logging()
    run: Callable[[Sequence[str]], Report] = import_module(f"hack.bench.{MODULES[sys.argv[1]]}").run
    run(sys.argv[2:]).print()


main()
