from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from omectl.api.crds.files import definition_files
from omectl.cli import crds
from omectl.cli.failure import CliFailure


@pytest.fixture
def app() -> typer.Typer:
    app = typer.Typer()
    app.callback()(lambda: None)
    crds.register(app)
    return app


def run(app: typer.Typer, *arguments: str) -> str:
    return CliRunner().invoke(app, ["crds", *arguments], catch_exceptions=False).stdout


def test_all_definitions_are_printed_as_one_stream(app: typer.Typer) -> None:
    stream = run(app)
    assert stream.split("---\n")[1:] == list(definition_files().values())


def test_each_definition_is_written_to_its_file(app: typer.Typer, tmp_path: Path) -> None:
    folder = tmp_path / "new" / "crds"
    assert run(app, "--output", str(folder)) == ""
    assert {path.name: path.read_text() for path in folder.iterdir()} == definition_files()


def test_files_that_equal_the_types_pass_the_check(app: typer.Typer, tmp_path: Path) -> None:
    run(app, "--output", str(tmp_path))
    (tmp_path / "kustomization.yaml").write_text("resources: []\n")
    run(app, "--output", str(tmp_path), "--check")


def test_changed_missing_and_foreign_files_fail_the_check(app: typer.Typer, tmp_path: Path) -> None:
    run(app, "--output", str(tmp_path))
    (tmp_path / "basemodels.ome.io.yaml").write_text("changed\n")
    (tmp_path / "benchmarkjobs.ome.io.yaml").unlink()
    (tmp_path / "trainedmodels.ome.io.yaml").write_text("{}\n")
    with pytest.raises(CliFailure) as caught:
        run(app, "--output", str(tmp_path), "--check")
    assert caught.value.exit_code == 1
    for name in ("basemodels", "benchmarkjobs", "trainedmodels"):
        assert f"{name}.ome.io.yaml" in caught.value.message
    assert "acceleratorclasses" not in caught.value.message


def test_a_check_writes_nothing(app: typer.Typer, tmp_path: Path) -> None:
    with pytest.raises(CliFailure):
        run(app, "--output", str(tmp_path / "absent"), "--check")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_named(app: typer.Typer, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CliFailure, match="name another folder"):
        run(app, "--output", str(tmp_path / "file" / "crds"))
