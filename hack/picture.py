"""Writes docs/up.svg, the README's picture: what `omectl up` shows at its end, from a real run."""

import asyncio
import re
from io import StringIO
from pathlib import Path

from rich.console import Console, Group
from rich.text import Text

from omectl.cli.logs import set_up_quiet_logging
from omectl.cli.up.demo import choose_model
from omectl.cli.up.session import Session, SessionOptions
from omectl.cli.up.view import live_view, next_steps
from omectl.testing.demo import Demo

TARGET = Path(__file__).parents[1] / "docs" / "up.svg"


async def main() -> None:
    loop = asyncio.get_running_loop()
    started = loop.time()
    async with Session(SessionOptions(model=choose_model(None))) as session:
        demo = Demo(session)
        await demo.until_ready()
        elapsed_s = loop.time() - started
        snapshot = await demo.until(lambda seen: all(held.verified for node in seen.nodes for held in node.models))
    console = Console(record=True, width=132, file=StringIO())
    kubeconfig = "up/control-plane/kubeconfigs/admin.yaml"
    advice = next_steps(kubeconfig, "demo", "embeddings", kubectl="kubectl", omectl="omectl")
    ready = Text(f"Ready after {elapsed_s:.1f} s", style="bold green")
    console.print(Group(live_view(snapshot, ""), ready, advice))
    text = console.export_svg(title="omectl up")
    # The picture loads no font from elsewhere: whoever looks at it has a monospaced one.
    TARGET.write_text(re.sub(r"@font-face \{.*?\}\s*", "", text, flags=re.DOTALL))


set_up_quiet_logging()
asyncio.run(main())
