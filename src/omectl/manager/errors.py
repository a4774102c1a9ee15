"""The base of what ends a manager."""


class ManagerError(Exception):
    """A manager could not start, go on, or stop; the text says why and what to do."""
