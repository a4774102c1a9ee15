"""Whether a model's diffusion pipeline has the parts that a runtime asks for."""

from omectl.api.model_spec import DiffusionComponentSpec, DiffusionPipelineSpec


def pipeline_difference(wanted: DiffusionPipelineSpec, found: DiffusionPipelineSpec | None) -> str:
    """The first difference, "" when the model's pipeline has all that is asked for."""
    if found is None:
        return "diffusion pipeline: wanted one, the model has none"
    if wanted.class_name is not None and wanted.class_name != found.class_name:
        return f"diffusion pipeline: wanted class {wanted.class_name}, found {found.class_name or 'none'}"
    theirs = dict(parts_of(found))
    texts = (_part_difference(name, part, theirs.get(name)) for name, part in parts_of(wanted))
    return next((text for text in texts if text), "")


def pinned_parts(pipeline: DiffusionPipelineSpec) -> int:
    """How much of a model's pipeline is pinned: that it has one, its class, each of its parts."""
    return 1 + (pipeline.class_name is not None) + sum(part is not None for _, part in parts_of(pipeline))


def parts_of(pipeline: DiffusionPipelineSpec) -> list[tuple[str, DiffusionComponentSpec | None]]:
    """Every part by its name in the manifest, the additional ones last and sorted."""
    fixed = [
        ("scheduler", pipeline.scheduler),
        ("textEncoder", pipeline.text_encoder),
        ("tokenizer", pipeline.tokenizer),
        ("transformer", pipeline.transformer),
        ("vae", pipeline.vae),
    ]
    return [*fixed, *sorted((pipeline.additional_components or {}).items())]


def _part_difference(name: str, wanted: DiffusionComponentSpec | None, found: DiffusionComponentSpec | None) -> str:
    if wanted is None:
        return ""
    if found is None:
        return f"diffusion pipeline: wanted a component {name}, the model has none"
    for what, ours, theirs in (("library", wanted.library, found.library), ("type", wanted.type, found.type)):
        if ours and ours != theirs:
            return f"diffusion pipeline: {name}: wanted {what} {ours}, found {theirs or 'none'}"
    return ""
