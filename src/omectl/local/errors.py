"""The base of what can go wrong with servers on this machine."""


class LocalError(Exception):
    """A program, folder or manifest on this machine is not as it must be; the text says what to do."""
