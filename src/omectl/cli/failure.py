"""How a command fails: one clear message on standard error, and an exit code."""


class CliFailure(Exception):
    """Ends the command with this message: what was wanted, what was found, what to do. Code 1 means that something
    failed, 2 that the command line was wrong."""

    def __init__(self, message: str, exit_code: int = 1) -> None:
        super().__init__(message)
        self.message = message
        self.exit_code = exit_code
