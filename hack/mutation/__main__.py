"""`python -m hack.mutation TARGET...`: run mutmut over modules and hold the survivors against the known ones.

The code is copied first, so nothing in the tree changes. Exits 0 when every mutant that survived is listed in
`equivalent.toml` with the reason why it changes no behaviour, else 1 with a patch for each of the others.
"""

import argparse
import os
import shutil
import subprocess
import sys
import time
import tomllib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from omectl.local.assets import cache_directory

_ROOT = Path(__file__).parents[2]
_HERE = Path(__file__).parent
_FOLDERS = ("src", "tests", "hack", "manifests", "docs")
_TEST_LIMIT_S = 4
_PROGRESS_S = 60.0


@dataclass(frozen=True, slots=True)
class Target:
    """Modules to change, and the tests that must notice."""

    modules: tuple[str, ...]
    tests: tuple[str, ...]


TARGETS = {
    "workqueue": Target(("workqueue/*",), ("tests/unit/workqueue",)),
    "informers": Target(("informers/*",), ("tests/unit/informers",)),
    "controller": Target(
        tuple(
            f"manager/{name}.py"
            for name in (
                *("controller", "feed", "source", "handler", "predicate", "reconciler", "result", "gate", "turn"),
                *("reconcile_metrics", "reconcile_context"),
            )
        ),
        tuple(
            f"tests/unit/manager/test_{name}.py"
            for name in (
                *("controller", "controller_outcomes", "feed", "source", "handler", "predicate", "reconciler"),
                *("result", "gate", "turn", "reconcile_metrics", "reconcile_context"),
            )
        ),
    ),
    "election": Target(
        tuple(f"manager/{name}.py" for name in ("election", "elector", "lease", "campaign", "pulse", "options")),
        tuple(
            f"tests/unit/manager/test_{name}.py"
            for name in (
                # Not `two_electors`: a thousand faults cost seconds, and what they find, an exact test must find too.
                *("election", "elector", "elector_rules", "campaign", "pulse"),
                *("manager_leadership", "manager_start"),
            )
        ),
    ),
    "manager": Target(
        tuple(f"manager/{name}.py" for name in ("manager", "runnable", "probes", "signals", "sync", "watchdog")),
        tuple(
            f"tests/unit/manager/test_{name}.py"
            for name in (
                *(
                    "manager",
                    "manager_start",
                    "manager_stop",
                    "manager_leadership",
                    "runnable",
                    "probes",
                    "signals",
                    "sync",
                ),
                *("manager_controllers", "metrics_server", "watchdog", "source"),
            )
        ),
    ),
}


@dataclass(frozen=True, slots=True)
class Mutant:
    """One survivor: where it is, and the lines that it takes away and puts in their place."""

    function: str
    was: str
    becomes: str

    def patch(self) -> str:
        removed = "".join(f"  - {line}\n" for line in self.was.splitlines())
        return f"{self.function}\n{removed}" + "".join(f"  + {line}\n" for line in self.becomes.splitlines())


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m hack.mutation", description=__doc__)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"of {', '.join(TARGETS)}; all without any")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--keep", type=Path, help="work in this folder and keep it; a run there goes on where it ended")
    arguments = parser.parse_args()
    unknown = [name for name in arguments.targets if name not in TARGETS]
    if unknown:
        parser.error(f"wanted targets of {', '.join(TARGETS)}, found {', '.join(unknown)}")
    python = _environment()
    failed = False
    for name in arguments.targets or TARGETS:
        with TemporaryDirectory(prefix="omectl-mutation-") as scratch:
            folder = arguments.keep / name if arguments.keep else Path(scratch)
            failed |= not _run(name, TARGETS[name], folder, python, arguments.jobs)
    sys.exit(failed)


def _environment() -> Path:
    """A Python with mutmut that also sees the project's own packages; made once into the cache folder."""
    lock = _HERE / "requirements.lock"
    folder = cache_directory({}) / "mutation"
    python = folder / "bin" / "python"
    stamp = folder / "requirements.lock"
    if not stamp.exists() or stamp.read_bytes() != lock.read_bytes():
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        install = [
            "-m",
            "pip",
            "--disable-pip-version-check",
            "install",
            "--quiet",
            "--require-hashes",
            "-r",
            str(lock),
        ]
        subprocess.run([str(python), *install], check=True)
        shutil.copy(lock, stamp)
    packages = folder / "lib" / f"python3.{sys.version_info.minor}" / "site-packages"
    own = next(path for path in sys.path if path.endswith("site-packages"))
    (packages / "project.pth").write_text(f"{own}\n")
    return python


def _run(name: str, target: Target, folder: Path, python: Path, jobs: int) -> bool:
    if not folder.exists() or not (folder / "src").exists():
        _copy(target, folder)
    mutmut = [str(python), "-m", "mutmut"]
    print(f"{name}: changing {', '.join(target.modules)}", file=sys.stderr, flush=True)
    with (folder / "mutmut.log").open("wb") as log:
        running = subprocess.Popen([*mutmut, "run", "--max-children", str(jobs)], cwd=folder, stdout=log, stderr=log)
        last = time.monotonic()
        while running.poll() is None:
            time.sleep(1.0)
            if time.monotonic() - last > _PROGRESS_S:
                last = time.monotonic()
                print(f"{name}: {_tail(folder)}", file=sys.stderr, flush=True)
    if running.returncode != 0:
        sys.exit(f"mutmut ended with {running.returncode}:\n{(folder / 'mutmut.log').read_text()[-4000:]}")
    return _report(name, mutmut, folder)


def _copy(target: Target, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    ignored = shutil.ignore_patterns("__pycache__", ".pytest_cache", "node_modules")
    for each in _FOLDERS:
        shutil.copytree(_ROOT / each, folder / each, ignore=ignored, dirs_exist_ok=True)
    for path in _ROOT.iterdir():
        if path.is_file():
            shutil.copy(path, folder / path.name)
    # A change that makes a test wait for ever is found by the limit; the ordinary one would take hours in all.
    conftest = folder / "tests" / "conftest.py"
    conftest.write_text(conftest.read_text().replace('"unit": 20', f'"unit": {_TEST_LIMIT_S}'))
    modules = [f"src/omectl/{module}" for module in target.modules]
    settings = {
        "source_paths": ["src/"],
        "only_mutate": modules,
        "also_copy": [*_FOLDERS, *(path.name for path in _ROOT.iterdir() if path.is_file())],
        "pytest_add_cli_args_test_selection": list(target.tests),
        "pytest_add_cli_args": ["-p", "no:cacheprovider", "-x", "-q"],
    }
    lines = "".join(f"{key} = {value!r}\n" for key, value in settings.items())
    # Each mutant is tested in a fork of a process that has run no test yet: what one test leaves can't hide a mutant.
    lines += 'process_isolation = "forkserver"\ntimeout_multiplier = 5.0\ntimeout_constant = 3.0\n'
    with (folder / "pyproject.toml").open("a") as project:
        project.write(f"\n[tool.mutmut]\n{lines}")


def _tail(folder: Path) -> str:
    return (folder / "mutmut.log").read_text(errors="replace")[-200:].splitlines()[-1].strip()[-80:]


def _report(name: str, mutmut: list[str], folder: Path) -> bool:
    def ask(*arguments: str) -> str:
        return subprocess.run([*mutmut, *arguments], cwd=folder, capture_output=True, text=True, check=True).stdout

    states = dict(line.strip().rsplit(": ", 1) for line in ask("results", "--all", "true").splitlines() if ": " in line)
    known = _known()
    unexplained: list[Mutant] = []
    explained = 0
    for mutant, state in states.items():
        if state in ("survived", "no tests", "suspicious"):
            found = _read(mutant, ask("show", mutant))
            if found in known:
                explained += 1
            else:
                unexplained.append(found)
    counts = ", ".join(f"{count} {state}" for state, count in Counter(states.values()).most_common())
    print(f"{name}: {len(states)} mutants: {counts}; {explained} of the survivors are judged equivalent")
    for each in unexplained:
        print(each.patch())
    return not unexplained


def _read(mutant: str, shown: str) -> Mutant:
    module, _, rest = mutant.rpartition(".")
    mangled = rest.rpartition("__mutmut_")[0]  # xǁClassǁmethod, or x_function
    function = mangled[2:].replace("ǁ", ".")
    body = [line for line in shown.splitlines() if not line.startswith(("---", "+++", "# "))]
    was = "\n".join(line[1:].strip() for line in body if line.startswith("-"))
    becomes = "\n".join(line[1:].strip() for line in body if line.startswith("+"))
    return Mutant(f"{module}.{function}", was, becomes)


def _known() -> set[Mutant]:
    """The mutants that were judged to change no behaviour."""
    listed = tomllib.loads((_HERE / "equivalent.toml").read_text())
    return {Mutant(each["function"], each["was"], each["becomes"]) for each in listed.get("mutant", [])}


main()
