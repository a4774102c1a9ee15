"""The CRD files of `manifests/crds`."""

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

from omectl.api.codec import TYPES
from omectl.api.crds.definitions import crd_name, custom_resource_definition
from omectl.api.crds.text import yaml_text
from omectl.api.kinds import ALL_KINDS


@cache
def definition_files() -> Mapping[str, str]:
    """Text of every CRD's file by the file's name, in the order of the kinds."""
    types = [TYPES[kind.kind] for kind in ALL_KINDS]
    return MappingProxyType({f"{crd_name(cls)}.yaml": yaml_text(custom_resource_definition(cls)) for cls in types})
