"""What a run of bench-machinery is asked for."""

import argparse
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from omectl.local.assets import cache_directory


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """`only` and `subjects` empty mean all. `seconds` is how long whatever lasts is measured."""

    only: frozenset[str] = frozenset()
    subjects: tuple[str, ...] = ()
    objects: int = 50_000
    repeat: int = 5
    seconds: float = 20.0
    quick: bool = False
    output: Path = Path()

    def up_to(self, count: int) -> int:
        """A number of objects, cut at what this run allows."""
        return min(count, self.objects)

    def repetitions(self, most: int) -> int:
        """For what takes long: fewer."""
        return min(self.repeat, most)


QUICK_OBJECTS = 500
QUICK_SECONDS = 2.0


def parse(arguments: Sequence[str]) -> Options:
    """The options of a command line; ends the process with a usage text when it is wrong."""
    parser = argparse.ArgumentParser(prog="make bench-machinery ARGS=...")
    parser.add_argument("--only", default="", help="benchmarks, such as B1,B4")
    parser.add_argument("--subjects", default="", help="parts of subjects' names, such as omectl,kopf")
    parser.add_argument("--objects", type=int, help="most objects of a collection (50,000)")
    parser.add_argument("--repeat", type=int, help="repetitions (5)")
    parser.add_argument("--seconds", type=float, help="how long whatever lasts is measured (20)")
    parser.add_argument("--quick", action="store_true", help="small and once: does everything run?")
    parser.add_argument("--output", type=Path, help="folder of runs.jsonl; what it has for this commit isn't repeated")
    found = parser.parse_args(arguments)
    defaults = (QUICK_OBJECTS, 1, QUICK_SECONDS) if found.quick else (50_000, 5, 20.0)
    folder = cache_directory(os.environ) / "bench" / ("machinery-quick" if found.quick else "machinery")
    return Options(
        only=frozenset(part.strip().upper() for part in found.only.split(",") if part.strip()),
        subjects=tuple(part.strip() for part in found.subjects.split(",") if part.strip()),
        objects=found.objects or defaults[0],
        repeat=found.repeat or defaults[1],
        seconds=found.seconds or defaults[2],
        quick=found.quick,
        output=found.output or folder,
    )
