"""`python -m hack.fuzz [TARGET...]`: fuzz the parsers, and print how many inputs each survived. Exits 1 on a defect."""

import argparse
import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from hack.bench.report import Report
from hack.fuzz.checks import CHECKS

from omectl.local.assets import cache_directory

_HERE = Path(__file__).parent
_LOCK = _HERE / "requirements.lock"
_LONGEST = 1 << 13
_HANG_S = 25
_RESIDENT_MB = 1024
_ALLOCATION_MB = 256
_STATISTIC = re.compile(r"^stat::(\w+): +(\d+)$", re.MULTILINE)
_COVERAGE = re.compile(r"cov: (\d+)")


def main() -> None:
    """Fuzz each target in turn."""
    parser = argparse.ArgumentParser(prog="make fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"of {', '.join(CHECKS)}; all by default")
    parser.add_argument("--runs", type=int, default=100_000, help="inputs of each target")
    parser.add_argument("--seconds", type=int, default=600, help="longest time of each target")
    parser.add_argument("--seed", type=int, default=0, help="of the random choices; 0 chooses one")
    options = parser.parse_args()
    if unknown := set(options.targets) - CHECKS.keys():
        parser.error(f"wanted targets of {', '.join(CHECKS)}, found {', '.join(sorted(unknown))}")
    report, failed = Report(bench="fuzz", versions={"atheris": _version()}), False
    for name in options.targets or CHECKS:
        code, text = _fuzz(name, options.runs, options.seconds, options.seed)
        found = {key: int(value) for key, value in _STATISTIC.findall(text)}
        failed = failed or code != 0
        report.results.append(
            {
                "subject": name,
                "inputs": found.get("number_of_executed_units", 0),
                "inputs_per_s": found.get("average_exec_per_sec", 0),
                "edges": int((_COVERAGE.findall(text) or ["0"])[-1]),
                "peak_rss_mb": found.get("peak_rss_mb", 0),
                "outcome": "survived" if code == 0 else "a defect, see above",
            }
        )
    report.print()
    sys.exit(1 if failed else 0)


def _fuzz(name: str, runs: int, seconds: int, seed: int) -> tuple[int, str]:
    """Run a target; its exit code and what it said, which is shown when it failed."""
    grown = _folder() / f"corpus-{name}"
    grown.mkdir(exist_ok=True)
    words = _HERE / "dictionaries" / f"{name}.dict"
    arguments = [
        *(f"-runs={runs}", f"-max_total_time={seconds}", f"-seed={seed}", f"-max_len={_LONGEST}"),
        *(f"-timeout={_HANG_S}", f"-rss_limit_mb={_RESIDENT_MB}", f"-malloc_limit_mb={_ALLOCATION_MB}"),
        *("-print_final_stats=1", "-reload=0", f"-artifact_prefix={grown.parent}/failed-{name}-"),
        *([f"-dict={words}"] if words.exists() else []),
    ]
    # New inputs go to the first folder; the one in the repository only seeds.
    command = [sys.executable, "-m", "hack.fuzz.target", name, *arguments, str(grown), str(_HERE / "corpus" / name)]
    path = os.pathsep.join([str(_atheris()), os.environ.get("PYTHONPATH", ""), str(_HERE.parents[1])])
    process = subprocess.run(
        command, env={**os.environ, "PYTHONPATH": path}, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False
    )
    text = process.stderr.decode(errors="replace")
    if process.returncode:
        print(text[-6000:], file=sys.stderr)
    return process.returncode, text


def _folder() -> Path:
    folder = cache_directory(os.environ) / "fuzz"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _atheris() -> Path:
    """Where atheris is installed, once for each lock: nothing else of this project needs it."""
    target = _folder() / f"atheris-{hashlib.sha256(_LOCK.read_bytes()).hexdigest()[:16]}"
    if not target.exists():
        print("installing atheris (only the first time) ...", file=sys.stderr)
        unfinished = target.with_suffix(".unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        install: Sequence[str] = ("-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--no-deps")
        subprocess.run(
            [sys.executable, *install, "--require-hashes", "--target", str(unfinished), "--requirement", str(_LOCK)],
            check=True,
        )
        unfinished.rename(target)
    return target


def _version() -> str:
    return _LOCK.read_text().split()[0].partition("==")[2]


if __name__ == "__main__":
    main()
