"""Scheduled scaling by KEDA's cron trigger."""

from typing import Any

import pytest
from tests.unit.planner.scaling.scalers import keda, refusal, scaled, trigger_of

from omectl.planner.scaling.schedule import is_cron

Json = Any


def cron(**changes: str) -> Json:
    given = {"timezone": "Europe/Berlin", "start": "0 8 * * 1-5", "end": "0 18 * * 1-5", "desiredReplicas": "3"}
    return {"type": "cron", "metadata": {**given, **changes}}


def test_a_schedule_is_passed_on() -> None:
    assert trigger_of(scaled(keda(cron()))) == cron()


def test_the_number_may_be_the_placeholder_of_a_bound() -> None:
    found = trigger_of(scaled({"maxReplicas": 7, **keda(cron(desiredReplicas="{{.MaxReplicas}}"))}))
    assert found["metadata"]["desiredReplicas"] == "7"


@pytest.mark.parametrize(
    "text", ["* * * * *", "*/5 0 1 jan sun", "0,30 8-18/2 ? 1-6 MON-FRI", "59 23 31 12 6", "0 0 1 1 0"]
)
def test_schedules(text: str) -> None:
    assert is_cron(text)


@pytest.mark.parametrize(
    "text",
    [
        "", "* * * *", "* * * * * *", "60 * * * *", "* 24 * * *", "* * 0 * *", "* * * 13 *", "* * * * 7",
        "a * * * *", "5-1 * * * *", "*/0 * * * *", "*/x * * * *", "1, * * * *", "1-2-3 * * * *", "@daily", "-1 * * * *",
    ],
)  # fmt: skip
def test_no_schedules(text: str) -> None:
    assert not is_cron(text)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"start": "often"}, "metadata.start: wanted minute, hour"),
        ({"end": "0 25 * * *"}, "metadata.end: wanted minute, hour"),
        ({"end": "0 8 * * 1-5"}, "metadata.end: wanted another time than start"),
        ({"timezone": ""}, "metadata.timezone"),
        ({"timezone": "on the moon"}, "metadata.timezone"),
        ({"desiredReplicas": "0"}, "a number from 1 to maxReplicas (3), found '0'"),
        ({"desiredReplicas": "4"}, "correct it, or raise maxReplicas"),
        ({"desiredReplicas": "many"}, "found 'many'"),
    ],
)
def test_a_schedule_that_keda_cannot_keep_is_refused(changes: dict[str, str], told: str) -> None:
    assert told in refusal(scaled(keda(cron(**changes))))
