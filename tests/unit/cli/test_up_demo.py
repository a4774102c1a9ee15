"""Which model `omectl up` takes, and what it puts on the cluster for it."""

from pathlib import Path

import pytest

from omectl.cli.failure import CliFailure
from omectl.cli.up.demo import DemoModel, choose_model, demo_objects
from omectl.cli.up.installation import manifests_directory

DEMO = manifests_directory() / "demo"


def test_hub_uri_is_fetched_from_the_hub_of_the_environment() -> None:
    chosen = choose_model("hf://Qwen/Qwen3-0.6B@v1")
    assert (chosen.repository, chosen.revision, chosen.directory) == ("Qwen/Qwen3-0.6B", "v1", None)
    assert chosen.uri == "hf://Qwen/Qwen3-0.6B@v1"
    assert chosen.name == "qwen3-0-6b"


def test_directory_is_offered_by_the_hub_of_this_machine(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    chosen = choose_model(str(tmp_path))
    assert chosen.directory == tmp_path
    assert chosen.repository == f"local/{tmp_path.name}"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("s3://bucket/model", "wanted hf://ORG/NAME"),
        ("hf://", "--model"),
        ("/nowhere/at/all", "which is not a directory"),
    ],
)
def test_what_is_no_model_is_refused_with_what_is_wanted(text: str, said: str) -> None:
    with pytest.raises(CliFailure, match=said) as raised:
        choose_model(text)
    assert raised.value.exit_code == 2


def test_directory_without_configuration_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CliFailure, match=r"config\.json"):
        choose_model(str(tmp_path))


def test_demo_states_neither_architecture_nor_size() -> None:
    objects = {obj["kind"]: obj for obj in demo_objects(DEMO, choose_model(None))}
    assert not {"modelArchitecture", "modelParameterSize", "modelFormat"} & objects["ClusterBaseModel"]["spec"].keys()
    assert objects["InferenceService"]["spec"]["model"] == {"name": "all-minilm-l6-v2"}


def test_another_model_takes_the_demo_models_place() -> None:
    objects = {obj["kind"]: obj for obj in demo_objects(DEMO, DemoModel(repository="org/Some_Model"))}
    model = objects["ClusterBaseModel"]
    assert model["metadata"]["name"] == "some-model"
    assert model["spec"]["storage"] == {"storageUri": "hf://org/Some_Model", "path": "/raid/models/org/Some_Model"}
    assert objects["InferenceService"]["spec"]["model"] == {"name": "some-model"}
