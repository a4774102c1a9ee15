"""What the reflector's own errors say, and keep."""

import pickle

from omectl.informers.reflector_state import InconsistentStream, NoMarker, StreamCut, VeryShortWatch


def test_a_stream_that_differs_names_itself_its_version_and_every_key() -> None:
    error = InconsistentStream("pods", "17", ("ns/a", "ns/b"))
    assert (error.name, error.resource_version, error.keys) == ("pods", "17", ("ns/a", "ns/b"))
    assert str(error) == (
        "the streaming list of pods and a list at its version 17 differ in ns/a, ns/b; "
        "the server or a proxy before it is broken: set streaming_list False"
    )
    again = pickle.loads(pickle.dumps(error))
    assert (again.args, str(again)) == (("pods", "17", ("ns/a", "ns/b")), str(error))


def test_a_missing_marker_says_how_it_was_missed() -> None:
    assert str(NoMarker(waited=True)) == (
        "the server began a streaming list and stayed silent in it without marking the list's end"
    )
    assert str(NoMarker(waited=False)) == (
        "the server began a streaming list and ended it without marking the list's end"
    )


def test_a_missing_marker_keeps_how_it_was_missed() -> None:
    assert [(error.waited, error.args) for error in (NoMarker(waited=True), NoMarker(waited=False))] == [
        (True, (True,)),
        (False, (False,)),
    ]


def test_a_very_short_watch_says_what_follows() -> None:
    assert str(VeryShortWatch()) == "the server ended the watch at once without any event; listing again after a pause"


def test_a_cut_stream_quotes_the_cause() -> None:
    assert str(StreamCut(ValueError("reset"))) == "the streaming list was cut off: reset"
