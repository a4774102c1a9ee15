"""One target in a process of its own: `python -m hack.fuzz.target NAME [libFuzzer's arguments]`.

An input fails that raises, hangs (libFuzzer's `-timeout`), takes more CPU time than the limit, or makes the process
grow.
"""

import resource
import sys
import time

import atheris

with atheris.instrument_imports(include=["omectl.modelparser"]):
    from hack.fuzz.checks import CHECKS

CPU_S = 2.0
"""CPU time that one input may take; inputs are at most 8 KiB, and the code is instrumented."""
GROWTH_KIB = 64 << 10
"""By how much one input may raise the highest memory of the process."""
WARM_UP = 1000


def main() -> None:
    check = CHECKS[sys.argv.pop(1)]
    seen = 0

    def one_input(data: bytes) -> None:
        nonlocal seen
        seen += 1
        before, highest = time.thread_time(), _highest()
        check(data)
        took, grown = time.thread_time() - before, _highest() - highest
        assert took <= CPU_S, f"took {took:.2f} s"
        assert grown <= GROWTH_KIB or seen < WARM_UP, f"grew by {grown} KiB"

    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()


def _highest() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


main()
