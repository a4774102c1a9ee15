from tests.unit.reconcilers.objects import added, config_map, deleted, updated

from omectl.api.json import JsonObject
from omectl.api.settings import Settings
from omectl.metrics import exposition
from omectl.reconcilers.settings_watch import SettingsWatch


class Scene:
    """A watch, the events it told and how often it said that settings changed."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str]] = []
        self.changes = 0
        self.watch = SettingsWatch(self, self._count)

    def event(self, about: JsonObject, type: str, reason: str, message: str) -> None:
        assert about["kind"] == "ConfigMap"
        self.told.append((f"{type} {reason}", message))

    def _count(self) -> None:
        self.changes += 1


def root(path: str) -> JsonObject:
    return config_map("inferenceservice-config", omectl=f'{{"modelsRoot": "{path}"}}')


def test_the_shipped_defaults_hold_until_a_config_map_says_otherwise() -> None:
    scene = Scene()
    assert scene.watch.current == Settings.defaults()
    scene.watch.settings_event(added(root("/data"), initial=True))
    assert scene.watch.current.models_root == "/data"
    assert scene.changes == 1


def test_a_version_that_says_the_same_changes_nothing() -> None:
    scene = Scene()
    scene.watch.settings_event(added(root("/data")))
    scene.watch.settings_event(updated(root("/data"), root("/data")))
    assert scene.changes == 1


def test_a_broken_version_leaves_the_last_good_one_in_force_and_is_told() -> None:
    scene = Scene()
    scene.watch.settings_event(added(root("/data")))
    broken = config_map("inferenceservice-config", omectl="{")
    scene.watch.settings_event(updated(root("/data"), broken))
    assert scene.watch.current.models_root == "/data"
    assert scene.changes == 1
    ((event, message),) = scene.told
    assert event == "Warning SettingsInvalid"
    assert "key omectl" in message
    assert b"omectl_settings_valid 0.0" in exposition()[0]


def test_a_good_version_after_a_broken_one_is_in_force_at_once() -> None:
    """D 50."""
    scene = Scene()
    broken = config_map("inferenceservice-config", omectl="{")
    scene.watch.settings_event(added(broken))
    scene.watch.settings_event(updated(broken, root("/other")))
    assert scene.watch.current.models_root == "/other"
    assert b"omectl_settings_valid 1.0" in exposition()[0]


def test_without_the_config_map_the_defaults_are_back() -> None:
    scene = Scene()
    scene.watch.settings_event(added(root("/data")))
    scene.watch.settings_event(deleted(root("/data")))
    assert scene.watch.current == Settings.defaults()
    assert scene.changes == 2
