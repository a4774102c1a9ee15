"""CRDs as YAML. What fits on a line is written on one, so that the files can be read without being endless."""

from typing import Final

import yaml

from omectl.api.json import JsonObject

_UNBROKEN: Final = 1 << 20
_LONGEST: Final = 300
"""Characters of a collection that is still written on one line, without its indentation."""


def yaml_text(definition: JsonObject) -> str:
    """One CRD as a YAML document. Equal definitions give equal text."""
    node = _Representer().represent_data(definition)  # pyright: ignore[reportUnknownMemberType] - by stubs
    _choose_style(node)
    return yaml.serialize(node, Dumper=yaml.CSafeDumper, width=_UNBROKEN)  # pyright: ignore[reportUnknownMemberType] - by stubs


class _Representer(yaml.representer.SafeRepresenter):
    """Writes equal parts out instead of referring to them: not every reader of manifests knows anchors."""

    def ignore_aliases(self, data: object) -> bool:
        return True


def _choose_style(node: yaml.Node) -> int:
    """Choose between block and flow style for every collection; returns the node's length on one line."""
    if isinstance(node, yaml.MappingNode):
        length = sum(_choose_style(key) + _choose_style(value) + 4 for key, value in node.value)
    elif isinstance(node, yaml.SequenceNode):
        length = sum(_choose_style(item) + 2 for item in node.value)
    else:
        return len(str(node.value)) + 2
    node.flow_style = length <= _LONGEST
    return length
