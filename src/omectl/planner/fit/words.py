"""What an estimate says, in words."""

from omectl.planner.fit.report import FitReport

_GIB = 1 << 30


def in_gib(count: int) -> str:
    """Bytes as GiB, to one decimal."""
    return f"{count / _GIB:.1f} GiB"


def need_in_words(found: FitReport) -> str:
    """What one accelerator needs, and of how much."""
    if not found.terms:
        return "the model's size is unknown"
    of = f" of {in_gib(found.memory_bytes)}" if found.memory_bytes is not None else ", of an unknown memory"
    return f"each accelerator needs {in_gib(found.required_bytes)}{of}"


def terms_in_words(found: FitReport) -> str:
    """Of what the need is made, and for which work."""
    terms = ", ".join(f"{term.name.value} {in_gib(term.bytes)}" for term in found.terms)
    return f"{terms}, for {found.concurrency} at once of {found.context} tokens"
