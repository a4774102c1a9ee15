"""The one error of the model parser."""

_SHOWN = 120


class ModelParseError(ValueError):
    """A model's file says something that cannot be read.

    `file` is the path inside the model, `field` the dotted field or "" for the whole file; `found` and
    `wanted` are short texts. Texts that come from the file are shortened and made printable.
    """

    def __init__(self, file: str, field: str, found: object, wanted: str) -> None:
        self.file = shown(file)
        self.field = shown(field)
        self.found = shown(found)
        self.wanted = wanted
        place = f"{self.file}: {self.field}" if self.field else self.file
        super().__init__(f"{place}: found {self.found}, wanted {self.wanted}")


def shown(value: object) -> str:
    """A value from a file as one short printable line."""
    if isinstance(value, int) and value.bit_length() > 400:
        return f"an integer of {value.bit_length()} bits"
    if isinstance(value, (dict, list)):
        return "an object" if isinstance(value, dict) else "a list"
    text = value if isinstance(value, str) else repr(value)
    line = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text[: _SHOWN + 1])
    return line if len(line) <= _SHOWN else line[: _SHOWN - 1] + "…"
