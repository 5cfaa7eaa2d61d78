"""Printed text as a terminal would leave it."""

import time

import pytest

from vlatlas.repro.streams import collapse, merge


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("10%\r50%\r100%\ndone\n", "100%\ndone\n"),
        ("a\r\nb", "a\nb"),
        ("half\r", "half\r"),  # the next message may overwrite it
        ("", ""),
        ("\r\r", "\r"),
        ("a\rb\r", "b\r"),
    ],
)
def test_a_carriage_return_discards_the_line_so_far(text, left):
    assert collapse(text) == left


def test_streams_are_joined_where_they_began():
    def stream(name, text):
        return {"output_type": "stream", "name": name, "text": text}

    picture = {"output_type": "display_data", "data": {}}
    outputs = [
        stream("stdout", "1"),
        stream("stderr", "5%\r"),
        picture,
        stream("stderr", "9%\n"),
        stream("stdout", "2"),
    ]
    assert merge(outputs) == [stream("stdout", "12"), stream("stderr", "9%\n"), picture]


def test_a_line_of_a_million_characters_takes_no_time():
    begin = time.monotonic()
    collapse("x" * 1_000_000 + "\r" + "y" * 1_000_000)
    assert time.monotonic() - begin < 0.5
