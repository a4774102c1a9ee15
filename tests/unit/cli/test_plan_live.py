"""`omectl plan` of a cluster: what the command line must say, files over live objects, and how changes are told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import typer
from tests.unit.planner.build import inputs_for
from typer.testing import CliRunner

from omectl.api.base_model import ClusterBaseModel
from omectl.api.codec import decode_as
from omectl.api.inference_service import InferenceService
from omectl.api.json import JsonObject
from omectl.cli.changes_table import as_data, table
from omectl.cli.failure import CliFailure
from omectl.cli.live_changes import Action, Change, ServiceChanges
from omectl.cli.manifests import Manifests
from omectl.cli.plan import register
from omectl.planner import Plan, PlanInputs, Problem, plan
from omectl.planner.preview import Edit, FieldChange


@pytest.fixture
def app() -> typer.Typer:
    made = typer.Typer()
    made.callback()(lambda: None)
    register(made)
    return made


def failure(app: typer.Typer, *arguments: str) -> CliFailure:
    error = CliRunner().invoke(app, ["plan", *arguments]).exception
    assert isinstance(error, CliFailure)
    return error


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ((), "wanted the name of a service, or files (-f), found neither"),
        (("-f", "x.yaml", "--exit-code"), "wanted a cluster with --exit-code, found files alone; add --live"),
        (("-f", "x.yaml", "--timeout", "3"), "wanted a cluster with --timeout, found files alone; add --live"),
        (("-f", "x.yaml", "--context", "c"), "wanted a cluster with --context, found files alone; add --live"),
        (("svc", "-o", "explain"), "wanted -o table, yaml or json of a cluster, found explain; use `omectl explain`"),
    ],
)
def test_a_command_line_that_says_too_little_is_wrong_usage(
    app: typer.Typer, arguments: tuple[str, ...], text: str
) -> None:
    error = failure(app, *arguments)
    assert (error.message, error.exit_code) == (text, 2)


def test_a_service_that_the_files_do_not_hold_is_wrong_usage(app: typer.Typer, tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    path.write_text("{apiVersion: ome.io/v1beta1, kind: InferenceService, metadata: {name: a}}")
    error = failure(app, "b", "-f", str(path))
    assert (error.exit_code, "wanted InferenceService default/b in" in error.message) == (2, True)


def service(uid: str = "", status: JsonObject | None = None, **metadata: Any) -> InferenceService:
    raw: JsonObject = {
        "apiVersion": "ome.io/v1beta1",
        "kind": "InferenceService",
        "metadata": {"name": "s", "namespace": "n", "uid": uid, **metadata},
        **({"status": status} if status is not None else {}),
    }
    return decode_as(InferenceService, raw)


def model(size: str, status: JsonObject | None = None) -> ClusterBaseModel:
    raw: JsonObject = {
        "apiVersion": "ome.io/v1beta1",
        "kind": "ClusterBaseModel",
        "metadata": {"name": "m"},
        "spec": {"modelParameterSize": size, "storage": {"storageUri": "hf://a/b"}},
        **({"status": status} if status is not None else {}),
    }
    return decode_as(ClusterBaseModel, raw)


def test_a_service_of_files_keeps_its_live_identity_status_and_others_labels() -> None:
    live = service("u1", {"url": "http://s"}, labels={"a": "1", "b": "1"}, annotations={"x": "1"})
    mine = service("", None, labels={"b": "2"}, annotations={"y": "2"})
    (found,) = Manifests((mine,), ()).over(Manifests((live,), ())).services
    assert found.metadata.uid == "u1"
    assert found.metadata.labels == {"a": "1", "b": "2"}
    assert found.metadata.annotations == {"x": "1", "y": "2"}
    assert found.status == live.status is not None


def test_a_service_that_is_not_live_has_no_status() -> None:
    mine = service("", {"url": "http://s"})
    (found,) = Manifests((mine,), ()).over(Manifests((), ())).services
    assert (found.status, found.metadata.uid) == (None, "")


def test_a_model_of_files_keeps_its_live_status_and_has_its_own_spec() -> None:
    live = model("1B", {"state": "Ready"})
    (found,) = Manifests((), (model("2B"),)).over(Manifests((), (live,))).models
    assert (found.spec.model_parameter_size, found.status) == ("2B", live.status)


TOLD = ServiceChanges(
    PlanInputs(service=service()),
    Plan(),
    (
        Change(Action.CREATE, "Service", "s"),
        Change(Action.CHANGE, "Deployment", "s-engine", (FieldChange(Edit.CHANGE, "spec.x", 1, 2),)),
        Change(Action.LEAVE, "ConfigMap", "c"),
        Change(Action.DELETE_LATER, "Deployment", "s-predictor", note="once its replacement serves"),
        Change(Action.LEAVE, "Role", "r", note="stays"),
    ),
)


def test_changes_are_told_object_by_object_and_what_stays_by_number() -> None:
    text = table([TOLD])
    assert text.startswith("InferenceService n/s\n")
    assert text.endswith(
        "\n"
        "  create        Service s\n"
        "  change        Deployment s-engine\n"
        "                  spec.x: 1 -> 2\n"
        "  delete later  Deployment s-predictor: once its replacement serves\n"
        "  leave         Role r: stays\n"
        "  leave         1 object as it is\n"
    )


def test_what_a_listing_tells_of_the_files_is_told_of_a_cluster_too() -> None:
    inputs = inputs_for()
    assert "  download  unknown" in table([ServiceChanges(inputs, plan(inputs))])
    assert "(90900000 bytes) on each node\n" in table([ServiceChanges(inputs, plan(inputs), listed_bytes=90_900_000)])


def test_changes_as_data_hold_every_object() -> None:
    told: Any = as_data(TOLD)
    assert (told["service"], told["problem"], told["wouldChange"], told["unread"]) == ("n/s", None, True, [])
    assert [one["action"] for one in told["changes"]] == ["create", "change", "leave", "delete later", "leave"]
    assert told["changes"][1] == {
        "action": "change",
        "kind": "Deployment",
        "name": "s-engine",
        "note": "",
        "fields": [{"edit": "change", "path": "spec.x", "before": 1, "after": 2}],
    }


def test_a_service_without_a_plan_changes_nothing() -> None:
    refused = ServiceChanges(PlanInputs(service=service()), Plan(problem=Problem("Why", "what", "do it")))
    assert not refused.would_change
    assert table([refused]) == (
        "InferenceService n/s\n  problem   Why: what\n  next      do it\n  nothing would be written or deleted\n"
    )


@pytest.mark.parametrize("action", list(Action))
def test_what_is_written_or_deleted_counts_as_a_change(action: Action) -> None:
    wanted = action in (Action.CREATE, Action.CHANGE, Action.DELETE, Action.DELETE_LATER)
    assert (
        ServiceChanges(PlanInputs(service=service()), Plan(), (Change(action, "Service", "s"),)).would_change is wanted
    )
