"""What goes wrong with a manager, and what a process that does not lead is refused."""


class ManagerError(Exception):
    """A manager could not start, go on, or stop; the text says why and what to do."""


class NotLeading(Exception):
    """A write for leaders only was refused before it was sent; the controller tries the key again, quietly."""

    def __init__(self, action: str, found: str) -> None:
        super().__init__(f"{action}: wanted to lead, found that {found}; it is tried again once this process leads")
        self.action = action


class ControllerFailed(ManagerError):
    """A controller ended because of an exception that it may not survive."""

    def __init__(self, name: str, cause: Exception) -> None:
        super().__init__(f"controller {name} ended: {type(cause).__name__}: {cause}")
        self.name = name
