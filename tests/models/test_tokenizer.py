import pytest
import torch

from vlatlas.models import WordTokenizer
from vlatlas.models.tokenizer import END, PAD, UNKNOWN


def test_round_trip_and_padding():
    t = WordTokenizer(["a", "red", "circle", "."], context=6)
    ids = t("A red circle.")
    assert ids.tolist() == [[3, 4, 5, 6, END, PAD]]
    assert t.decode(ids[0].tolist()) == "a red circle ."
    assert len(t) == 7


def test_unknown_and_long_texts():
    t = WordTokenizer(["a", "red"], context=3)
    assert t(["a green", "a red a red"]).tolist() == [[3, UNKNOWN, END], [3, 4, END]]
    assert t.decode([3, UNKNOWN, END, 4]) == "a <unknown>"


def test_strict_names_what_is_wrong():
    t = WordTokenizer(["a", "red"], context=3, strict=True)
    with pytest.raises(ValueError, match="green.*'a green'"):
        t("a green")
    with pytest.raises(ValueError, match="4 words, room for 2"):
        t("a red a red")
    with pytest.raises(ValueError, match="twice: a"):
        WordTokenizer(["a", "b", "a"])


def test_other_scripts_are_words():
    t = WordTokenizer(["红", "色", "红色", "krüß"], context=4)
    assert t.decode(t("红色 Krüß")[0].tolist()) == "红色 krüß"
    assert t([]).shape == torch.Size([0, 4])
