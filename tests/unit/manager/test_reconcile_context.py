"""What log lines of a reconcile carry."""

import json
from contextvars import copy_context
from io import StringIO

import pytest
import structlog
from structlog.contextvars import bind_contextvars, get_contextvars, unbind_contextvars

from omectl.api.kinds import INFERENCE_SERVICES
from omectl.api.resource import ObjectKey
from omectl.cli.logs import set_up_logging
from omectl.manager import reconcile_context as under_test


@pytest.fixture(autouse=True)
def nothing_is_bound() -> None:
    assert get_contextvars() == {}


def bound(*steps: object) -> dict[str, object]:
    """What is bound after the steps, in a context of their own."""

    def run() -> dict[str, object]:
        for step in steps:
            assert callable(step)
            step()
        return dict(get_contextvars())

    return copy_context().run(run)


def test_a_worker_without_a_kind_is_bound_by_its_controller_alone() -> None:
    assert bound(lambda: under_test.bind_controller("c", None)) == {"controller": "c"}


def test_a_worker_with_a_kind_is_bound_by_both() -> None:
    found = bound(lambda: under_test.bind_controller("c", INFERENCE_SERVICES))
    assert found == {"controller": "c", "kind": "InferenceService.ome.io"}


def test_an_object_is_bound_by_its_parts_too() -> None:
    found = bound(lambda: under_test.bind_reconcile(ObjectKey("ns", "svc")))
    assert len(str(found.pop("reconcile_id"))) == 16
    assert found == {"key": "ns/svc", "namespace": "ns", "name": "svc"}


def test_another_key_is_bound_as_text() -> None:
    found = bound(lambda: under_test.bind_reconcile(7))
    assert set(found) == {"key", "reconcile_id"}
    assert found["key"] == "7"


def test_the_id_is_sixteen_hexadecimal_digits_whatever_the_number(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def small(bits: int) -> int:
        asked.append(bits)
        return 0xAB

    monkeypatch.setattr(under_test, "getrandbits", small)
    assert bound(lambda: under_test.bind_reconcile("a"))["reconcile_id"] == "00000000000000ab"
    assert asked == [64]


def test_a_reconcile_may_bind_and_unbind_the_same_names() -> None:
    def rebind() -> None:
        bind_contextvars(name="mine", key="other")
        unbind_contextvars("namespace")

    found = bound(lambda: under_test.bind_reconcile(ObjectKey("ns", "svc")), rebind)
    assert (found["name"], found["key"], "namespace" in found) == ("mine", "other", False)


def test_a_variable_is_the_one_that_structlog_reads_and_is_unset_at_first() -> None:
    def run() -> None:
        variable = under_test._variable("colour")
        assert get_contextvars() == {}
        variable.set("red")
        assert get_contextvars() == {"colour": "red"}
        unbind_contextvars("colour")
        assert variable.get() is ...

    copy_context().run(run)


def test_a_line_of_the_program_carries_it_all() -> None:
    before = structlog.get_config()
    out = StringIO()

    def reconcile() -> None:
        under_test.bind_controller("c", INFERENCE_SERVICES)
        under_test.bind_reconcile(ObjectKey("ns", "svc"))
        structlog.stdlib.get_logger("x").info("hello")

    try:
        set_up_logging(stream=out)
        copy_context().run(reconcile)
    finally:
        structlog.configure(**before)
    line = json.loads(out.getvalue())
    names = ("controller", "kind", "key", "namespace", "name")
    assert [line[name] for name in names] == ["c", "InferenceService.ome.io", "ns/svc", "ns", "svc"]
    assert int(line["reconcile_id"], 16) >= 0
