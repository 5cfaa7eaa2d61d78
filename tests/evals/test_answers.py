"""Answers, each by hand."""

import pytest

from vlatlas.data.instructions import Question
from vlatlas.evals.answers import made_up, right, said, told

FACTS = {"colour": "red", "texture": "striped", "shape": "star", "background": "dark", "size": "large"}
COLOUR = Question("conversation", "what colour is the star?", "colour", {"colour": "red"})
SIZE = Question("conversation", "what size is the object?", "size", {"size": "large"})
DETAIL = Question("detail", "describe the picture in detail.", "detail", FACTS)
EDIT = Question(
    "reasoning", "make it blue. what is it then?", "reasoning", {"colour": "blue", "texture": "striped", "shape": "star"}
)


def test_values_that_a_text_names():
    assert said("there is a red star. it is large. the background is dark.") == {
        "colour": {"red"}, "shape": {"star"}, "size": {"large"}, "background": {"dark"},
    }  # fmt: skip
    assert said("it is small. it is large.") == {"size": {"small", "large"}}
    assert said("no. reds, larger, a lime hexagon") == {"colour": {"lime"}, "shape": {"hexagon"}}
    assert said("hatched, medium, tiled") == {"texture": {"hatched"}, "size": {"medium"}, "background": {"tiled"}}


@pytest.mark.parametrize(
    "question,answer,strict,loose",
    [
        (COLOUR, "it is red.", 1, 1),
        (COLOUR, "red.", 1, 1),
        (COLOUR, "it is blue.", 0, 0),
        (COLOUR, "it is red. it is blue.", 0, 0),
        (COLOUR, "a picture of a red star.", 0, 1),  # says more than was asked
        (COLOUR, "", 0, 0),
        (SIZE, "it is large.", 1, 1),
        (SIZE, "it is small.", 0, 0),
        (SIZE, "a large star", 0, 1),
        (COLOUR, "lime.", 0, 0),  # a colour that no scene has
        (COLOUR, "red. lime.", 0, 0),
        (EDIT, "it is a red striped star. then it is a blue striped star.", 1, 0),
        (EDIT, "it is a blue striped star.", 1, 1),
        (EDIT, "it is a red striped star.", 0, 0),
        (EDIT, "it is a blue striped star. then it is a red striped star.", 0, 0),
        (EDIT, "it is a blue star.", 0, 0),
        (EDIT, "it is blue.", 0, 0),
    ],
)
def test_one_thing_asked(question, answer, strict, loose):
    assert right(question, answer) == strict and told(question, answer) == loose


def test_a_description_gets_the_f1_of_its_facts():
    assert right(DETAIL, "a red star, striped, large, on a dark background.") == 1
    assert right(DETAIL, "there is a red star.") == pytest.approx(2 * 2 / (2 + 5))
    assert right(DETAIL, "there is a blue star. it is striped.") == pytest.approx(2 * 2 / (3 + 5))
    assert right(DETAIL, "") == 0


def test_what_is_made_up():
    assert made_up("there is a blue star. it is striped.", FACTS) == pytest.approx(1 / 3)
    assert made_up("there is a red star.", FACTS) == 0
    assert made_up("yes.", FACTS) is None
