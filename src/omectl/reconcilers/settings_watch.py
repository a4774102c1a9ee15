"""The settings in force: those of the ConfigMap as long as it can be read, else the last that could be.

Runs on the event loop's thread only. `settings_event` is told of every event of the settings ConfigMap, in order;
it calls `on_change` when other settings are in force afterwards.
"""

from collections.abc import Callable
from typing import Literal, Protocol

import structlog

from omectl import metrics
from omectl.api.document import text_values
from omectl.api.json import JsonObject
from omectl.api.settings import Settings, SettingsError, parse_settings
from omectl.informers import EventType, ObjectEvent

SETTINGS_INVALID = "SettingsInvalid"

_log = structlog.stdlib.get_logger(__name__)
_VALID = metrics.gauge(
    "omectl_settings_valid", "1 while the settings ConfigMap can be read, 0 while older ones stand in."
)
_ERRORS = metrics.counter("omectl_settings_errors_total", "Versions of the settings ConfigMap that could not be read.")


class Recorder(Protocol):
    """The part of an event recorder that is needed here."""

    def event(self, about: JsonObject, type: Literal["Normal", "Warning"], reason: str, message: str, /) -> None: ...


class SettingsWatch:
    """Holds the settings in force; the shipped defaults until a ConfigMap says otherwise."""

    def __init__(self, recorder: Recorder, on_change: Callable[[], None]) -> None:
        self.current = Settings.defaults()
        self._recorder = recorder
        self._on_change = on_change
        _VALID.set(1)

    def settings_event(self, event: ObjectEvent) -> None:
        """Take in one event of the settings ConfigMap."""
        if event.type is EventType.DELETED:
            self._put(Settings.defaults())
            return
        config_map = event.object()
        try:
            self._put(parse_settings(text_values(config_map.get("data"))))
        except SettingsError as error:
            _VALID.set(0)
            _ERRORS.inc()
            _log.error("settings_invalid", error=str(error), in_force="the last ones that could be read")
            self._recorder.event(
                {"apiVersion": "v1", "kind": "ConfigMap", **config_map},
                "Warning",
                SETTINGS_INVALID,
                f"{error}; the last settings that could be read stay in force",
            )

    def _put(self, settings: Settings) -> None:
        _VALID.set(1)
        if settings != self.current:
            self.current = settings
            _log.info("settings_changed")
            self._on_change()
