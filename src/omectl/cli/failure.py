"""How a command fails: one clear message on standard error, and an exit code."""

from collections.abc import Generator
from contextlib import contextmanager


class CliFailure(Exception):
    """Ends the command with this message: what was wanted, what was found, what to do. Code 1 means that something
    failed, 2 that the command line was wrong."""

    def __init__(self, message: str, exit_code: int = 1) -> None:
        super().__init__(message)
        self.message = message
        self.exit_code = exit_code


@contextmanager
def extra_needed(extra: str) -> Generator[None]:
    """Around imports of packages that an extra brings: says how to install it when one is missing."""
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "omectl").partition(".")[0] == "omectl":
            raise
        wanted = f"this needs the Python package {error.name}, which comes with the extra {extra!r}"
        raise CliFailure(f"{wanted}; install it with `pip install 'omectl[{extra}]'`") from error
