"""What a command imports before it does anything: a user waits for it every time."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("aiohttp", "asyncio", "cryptography", "kubernetes_asyncio", "rich", "structlog")


@pytest.mark.parametrize(
    ("arguments", "unwanted"),
    [
        (["--help"], [*HEAVY, "yaml"]),
        (["plan", "--help"], [*HEAVY, "yaml", "omectl.cli.up"]),
        (["plan", "-f", "/nowhere.yaml"], [*HEAVY, "omectl.cli.up", "omectl.kube.client"]),
        (["models", "inspect", "/nowhere"], [*HEAVY, "yaml", "omectl.modelagent"]),
        (["version"], [*HEAVY, "yaml"]),
    ],
)
def test_what_is_heavy_is_not_imported(arguments: list[str], unwanted: list[str]) -> None:
    program = (
        "import sys\n"
        f"sys.argv = ['omectl', *{arguments!r}]\n"
        "from omectl.cli import main\n"
        "try:\n    main()\n"
        "except SystemExit:\n    pass\n"
        f"print('FOUND', *sorted(set({unwanted!r}) & set(sys.modules)))\n"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=True)
    assert run.stdout.splitlines()[-1].split() == ["FOUND"], run.stderr
