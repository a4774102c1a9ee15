"""`omectl plan -o table`: each service with what is chosen, made, downloaded and paid for."""

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from omectl.planner import Plan, PlanInputs
    from omectl.planner.preview import ComponentCost, FilesCost, PlanCost, Price


def summary_lines(inputs: "PlanInputs", plan: "Plan", listed_bytes: int | None = None) -> Iterator[str]:
    """A service's plan in a few lines. `listed_bytes` are those of the files that an agent would choose."""
    from omectl.planner.inputs import kind_of
    from omectl.planner.preview import cost_of

    told = plan.explanation
    yield f"InferenceService {inputs.service.key}"
    if told.model:
        yield _line("model", told.model)
    if told.runtime:
        yield _line("runtime", told.runtime)
    if told.pinned:
        drift = f"; {told.drift.message}" if told.drift is not None else ", which it still equals"
        yield _line("pinned", f"as {told.pinned}{drift}")
    if plan.problem is not None:
        yield _line("problem", f"{plan.problem.reason}: {plan.problem.message}")
        yield _line("next", plan.problem.next_step)
        return
    for one in told.accelerators:
        if one.class_name or one.accelerators:
            count = f"{one.accelerators} accelerators in each pod" if one.accelerators else "no accelerators in a pod"
            yield _line("class", f"{one.class_name or 'none'} for the {one.component}, {count}")
    yield _line("mode", told.mode)
    if plan.stopped:
        from omectl.planner.scaling import STOPPED_BY_ANNOTATION

        yield _line("stopped", STOPPED_BY_ANNOTATION)
    if not plan.objects:
        yield _line("objects", "none, and so nothing to download or pay for")
        return
    kinds = Counter(kind_of(obj) for obj in plan.objects)
    named = (f"{kind} x{count}" if count > 1 else kind for kind, count in kinds.items())
    yield _line("objects", f"{len(plan.objects)}: {', '.join(named)}")
    cost = cost_of(plan, inputs.model, listed_bytes)
    yield _line("replicas", ", ".join(_replicas(one) for one in cost.components))
    yield from _files(cost.files)
    yield _line("fit", cost.fit.value.replace("_", " ") if cost.fit is not None else "no accelerators to fit on")
    yield from _costs(cost)


def _line(label: str, text: str) -> str:
    return f"  {label:<8}  {text}"


def _replicas(one: "ComponentCost") -> str:
    if one.most == one.least:
        return f"{one.component} {one.least}"
    return f"{one.component} {one.least} {'or more' if one.most is None else f'to {one.most}'}"


def _files(files: "FilesCost") -> Iterator[str]:
    from omectl.planner.preview import Source

    if files.source is Source.IN_PLACE:
        yield _line("download", "none: the files are used where they lie")
        yield _line("disk", "none beside them")
        return
    if files.download_bytes is None or files.disk_bytes is None:
        yield _line("download", "unknown: nobody told how large the model's files are; name them with --facts")
        yield _line("disk", "unknown")
        return
    told = {
        Source.LISTING: "by the listing of its files",
        Source.NODE: "by the node that is at work on it",
        Source.WEIGHTS: "by its facts (weights alone)",
    }[files.source]
    about = "about " if files.source is Source.WEIGHTS else ""
    have = "node has" if files.nodes_ready == 1 else "nodes have"
    ready = f"; {files.nodes_ready} {have} it" if files.nodes_ready else ""
    yield _line(
        "download", f"{about}{bytes_in_words(files.download_bytes)} for each node without the model, {told}{ready}"
    )
    yield _line("disk", f"{about}{bytes_in_words(files.disk_bytes)} on each node")


def _costs(cost: "PlanCost") -> Iterator[str]:
    paid = [one for one in cost.components if one.replica.accelerators]
    if not paid:
        yield _line("cost", "no accelerators; nothing else has a price")
    for one in paid:
        yield _line("cost", f"{_price(one.replica)} for a replica of the {one.component}")
    if paid:
        yield _line("", f"{_price(cost.least)} for the least replicas")
        most = _price(cost.most) if cost.most is not None else "unbounded"
        yield _line("", f"{most} for the most replicas")


def _price(price: "Price") -> str:
    """Dollars an hour and for how many accelerators."""
    count = f"{price.accelerators} accelerator{'' if price.accelerators == 1 else 's'}"
    spot = f" ({float(price.spot_per_hour):.2f} on spot)" if price.spot_per_hour is not None else ""
    if price.per_hour is None:
        return f"unknown{spot}: no price an hour in a class, {count}"
    return f"{float(price.per_hour):.2f} dollars an hour{spot}, {count}"


def bytes_in_words(count: int) -> str:
    """In the largest unit of which there is one, with the exact number where it is rounded."""
    for unit, name in ((1 << 40, "TiB"), (1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")):
        if count >= unit:
            return f"{count / unit:.1f} {name} ({count} bytes)"
    return f"{count} bytes"
