from pathlib import Path

import pytest

from omectl.local.hub import HubOptions, HubServer
from omectl.modelagent.problems import ModelError, Reason
from omectl.modelagent.storage.http import SmallReadOptions, SmallReads
from omectl.modelagent.storage.hub import HubBackend


@pytest.mark.parametrize("revision", ["", "main"])
async def test_a_repository_without_a_revision_is_its_main_branch(tmp_path: Path, revision: str) -> None:
    (tmp_path / "config.json").write_text("{}")
    async with HubServer([tmp_path], HubOptions(name="org/model")) as hub, SmallReads(SmallReadOptions()) as reads:
        source = await HubBackend(hub.endpoint, reads).resolve("org/model", revision, {}, None)
        assert source.revision == await hub.commit("org/model")


async def test_a_revision_that_climbs_is_refused_before_anybody_is_asked() -> None:
    async with SmallReads(SmallReadOptions()) as reads:
        with pytest.raises(ModelError) as caught:
            await HubBackend("http://127.0.0.1:1", reads).resolve("org/model", "../other", {}, None)
    assert caught.value.reason is Reason.URI_INVALID
