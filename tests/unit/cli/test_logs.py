import io
import json
import logging

import pytest
import structlog

from omectl.cli.logs import LogFormat, LogLevel, set_up_logging, set_up_quiet_logging


@pytest.fixture
def out() -> io.StringIO:
    return io.StringIO()


def test_an_event_is_one_line_of_json_with_time_and_level(out: io.StringIO) -> None:
    set_up_logging(stream=out)
    structlog.get_logger().info("reconciled", key="demo/a", generation=3)
    line = json.loads(out.getvalue())
    assert line.pop("time").endswith("Z")
    assert line == {"event": "reconciled", "level": "info", "key": "demo/a", "generation": 3}


def test_a_library_that_uses_the_standard_module_comes_out_the_same_way(out: io.StringIO) -> None:
    set_up_logging(stream=out)
    logging.getLogger("aiohttp.access").warning("slow %s", "answer")
    assert json.loads(out.getvalue())["event"] == "slow answer"


def test_lines_below_the_level_are_not_written(out: io.StringIO) -> None:
    set_up_logging(level=LogLevel.WARNING, stream=out)
    structlog.get_logger().info("quiet")
    assert out.getvalue() == ""


@pytest.mark.parametrize("log_format", LogFormat)
@pytest.mark.parametrize("name", ["token", "hub_token", "Authorization", "password"])
def test_values_with_a_secret_name_are_masked(out: io.StringIO, log_format: LogFormat, name: str) -> None:
    set_up_logging(log_format, stream=out)
    structlog.get_logger().info("asked", **{name: "hf_abc"})
    assert "hf_abc" not in out.getvalue()
    assert "***" in out.getvalue()


@pytest.mark.parametrize("log_format", LogFormat)
def test_a_traceback_does_not_print_local_variables(out: io.StringIO, log_format: LogFormat) -> None:
    set_up_logging(log_format, stream=out)
    try:
        credential = "s3cr3t"
        raise ValueError(f"broken, {len(credential)} characters")
    except ValueError:
        structlog.get_logger().exception("failed")
    assert "ValueError" in out.getvalue()
    assert "s3cr3t'" not in out.getvalue()


def test_setting_up_twice_writes_each_line_once(out: io.StringIO) -> None:
    set_up_logging(stream=out)
    set_up_logging(stream=out)
    logging.getLogger("x").error("once")
    structlog.get_logger().error("once")
    assert len(out.getvalue().splitlines()) == 2


def test_quiet_logging_lets_warnings_through(out: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr", out)
    set_up_quiet_logging()
    structlog.get_logger().info("quiet")
    structlog.get_logger().warning("loud")
    assert "loud" in out.getvalue()
    assert "quiet" not in out.getvalue()
