"""Free ports."""

import socket
from pathlib import Path

import pytest

from omectl.local import ports


def test_port_lies_below_those_of_outgoing_connections_and_is_free() -> None:
    first = int(ports._RANGE_FILE.read_text().split()[0])
    port = ports.free_port()
    assert 20_000 <= port < first
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", port))


def test_taken_port_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        number = taken.getsockname()[1]
        offsets = iter([number - 20_000, 7])
        monkeypatch.setattr(ports.secrets, "randbelow", lambda _: next(offsets))
        assert ports.free_port() == 20_007


def test_machine_without_a_free_port_gets_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        number = taken.getsockname()[1]
        monkeypatch.setattr(ports.secrets, "randbelow", lambda _: number - 20_000)
        with pytest.raises(ports.NoFreePort, match="200 taken ones"):
            ports.free_port()


@pytest.mark.parametrize(("text", "expected"), [("32768\t60999\n", 32768), ("1024 65535", 60_000), ("", 32_768)])
def test_range_of_outgoing_connections_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, expected: int
) -> None:
    file = tmp_path / "range"
    file.write_text(text)
    monkeypatch.setattr(ports, "_RANGE_FILE", file)
    assert ports._first_ephemeral() == expected
