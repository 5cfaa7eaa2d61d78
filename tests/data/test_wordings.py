"""Wordings: what they say, and that none gives another away."""

import re

import pytest

from vlatlas.data.scenes.parse import parse
from vlatlas.data.wordings import DESCRIPTIONS, SYNONYMS, WORDINGS, captions, class_prompts, new_words
from vlatlas.models import WordTokenizer, load
from vlatlas.protocols.shipped import WORLD

BATCH = WORLD.batch(3, range(300))


def words(text):
    return set(re.findall(r"\w+", text))


def test_names_are_the_batchs_own_captions():
    assert captions(BATCH, ["names"] * 300) == BATCH.captions


@pytest.mark.parametrize("wording", ["synonyms", "descriptions"])
def test_only_the_word_for_the_shape_changes(wording):
    table = {"synonyms": SYNONYMS, "descriptions": DESCRIPTIONS}[wording]
    for own, other in zip(BATCH.captions, captions(BATCH, [wording] * 300), strict=True):
        (shape,) = words(own) & set(table)
        back = other.replace(table[shape], shape)
        assert back.replace("an ", "a ") == own.replace("an ", "a ") and parse(back) == parse(own)


def test_wordings_of_a_shape_share_no_word_for_it_and_differ_between_shapes():
    told = {w: class_prompts(w, WORLD.shapes) for w in WORDINGS}
    frame = set.intersection(*(words(" ".join(p)) for w in ("names", "synonyms", "descriptions") for p in told[w]))
    frame |= {"figure", "with"}
    for k in range(len(WORLD.shapes)):
        own = [words(" ".join(told[w][k])) - frame for w in WORDINGS]
        for i in range(len(own)):
            assert own[i] and not any(own[i] & own[j] for j in range(i))
    for w in WORDINGS:
        assert len({tuple(p) for p in told[w]}) == len(WORLD.shapes)


def test_every_caption_and_prompt_fits_the_tower_and_the_vocabulary():
    config = load("scenes-clip").config
    tokenizer = WordTokenizer([*config.words, *new_words()], config.context, strict=True)
    for w in WORDINGS:
        tokenizer(captions(BATCH, [w] * 300))
        tokenizer([t for p in class_prompts(w, WORLD.shapes) for t in p])
    assert not set(new_words()) & set(config.words) and len(set(new_words())) == len(new_words())


def test_the_shipped_tower_does_not_know_the_other_wordings():
    tokenizer = WordTokenizer(list(load("scenes-clip").config.words), strict=True)
    for w in WORDINGS[1:]:
        with pytest.raises(ValueError, match="not in the vocabulary"):
            tokenizer(class_prompts(w, WORLD.shapes)[0])


def test_what_has_no_word_is_refused():
    with pytest.raises(ValueError, match="wording 'slang' is unknown"):
        class_prompts("slang", ["star"])
    with pytest.raises(ValueError, match="no word for hexagon"):
        class_prompts("synonyms", ["hexagon"])
