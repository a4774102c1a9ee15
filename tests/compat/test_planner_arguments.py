"""Arguments of the shipped runtimes: read by the engine's table, and overridden one flag at a time (D 21)."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from omectl.planner.arguments import changes_of, override, parse
from omectl.planner.flag_tables import UNKNOWN_FLAGS, FlagTable, flag_table

Json = Any


def engines(compat_dir: Path) -> Iterator[tuple[str, list[str], list[str], FlagTable]]:
    """Runtime, command, args and table of every runner of an engine or decoder."""
    for file in sorted((compat_dir / "inputs" / "catalogue" / "runtimes").rglob("*.yaml")):
        for doc in yaml.load_all(file.read_text(), Loader=yaml.CSafeLoader):
            spec = (doc or {}).get("spec", {})
            for template in (spec.get("engineConfig") or {}, spec.get("decoderConfig") or {}):
                for part in (template, template.get("leader") or {}, template.get("worker") or {}):
                    runner = part.get("runner")
                    if runner:
                        command, args = runner.get("command") or [], runner.get("args") or []
                        yield doc["metadata"]["name"], command, args, flag_table(runner["image"], command, args)


def test_every_shipped_engine_has_a_table_and_no_word_of_it_is_a_stray_value(compat_dir: Path) -> None:
    found = list(engines(compat_dir))
    assert len(found) > 200
    for name, command, args, table in found:
        assert table is not UNKNOWN_FLAGS, name
        # Positionals are the program and its model: nothing behind a flag is left over.
        positionals = [one.key for one in parse(command, table) if not one.flag]
        assert positionals in (["python3"], ["vllm", "serve"], ["sglang", "serve"]), (name, positionals)
        assert [one.key for one in parse(args, table) if not one.flag] in ([], ["$(MODEL_PATH)"]), name


def test_an_override_changes_that_flag_of_every_shipped_engine_and_nothing_else(compat_dir: Path) -> None:
    for name, command, args, table in engines(compat_dir):
        before = [one for words in (command, args) for one in parse(words, table)]
        changes = changes_of(["--tensor-parallel-size", "3"], table)
        (change,) = changes.arguments
        found = override(command, args, changes)
        after = [one for words in (found.command, found.args) for one in parse(words, table)]
        assert found.unwritten == (), name
        assert [one for one in after if one.key != change.key] == [one for one in before if one.key != change.key], name
        assert [one.values for one in after if one.key == change.key] == [("3",)], name
