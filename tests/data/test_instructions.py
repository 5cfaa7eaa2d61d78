"""Instructions: the teacher sees no pixel, says what it was told, and keeps what the test holds out to itself."""

import inspect
import random
import re

import numpy as np
import pytest

from vlatlas.data import instructions
from vlatlas.data.instructions import (
    ASKED,
    EDITED,
    KINDS,
    NEW_WORDS,
    NOVEL,
    WORDINGS,
    WORLD,
    Symbols,
    ask,
    believed,
    known,
    size_of,
    symbols,
    write,
)  # fmt: skip
from vlatlas.models.tokenizer import WordTokenizer
from vlatlas.protocols.captioning_text import words

TOLD = Symbols("a picture of a red striped star on a dark background.", "star", (1, 4, 7, 9))


def samples(count=300, seed=3):
    told, chance = symbols(WORLD.batch(seed, range(count))), random.Random(seed)
    return [(s, write(s, kind, WORLD, chance)) for s in told for kind in ("caption", *KINDS)]


def texts(sample):
    return [t for turn in sample.turns for t in turn]


def test_the_teacher_knows_the_caption_and_the_box_and_nothing_else():
    assert believed(TOLD) == {
        "colour": "red", "texture": "striped", "shape": "star", "background": "dark", "size": "small",
    }  # fmt: skip
    assert list(inspect.signature(write).parameters)[0] == "told" and [f for f in Symbols.__dataclass_fields__] == [
        "caption",
        "name",
        "box",
    ]
    batch = WORLD.batch(5, range(40))
    for told, scene in zip(symbols(batch), batch.scenes, strict=True):
        x0, y0, x1, y1 = scene.objects[0].box
        assert told.box == tuple(round(10 * v / 32) for v in (x0, y0, x1, y1)) and told.name == scene.objects[0].shape
        facts = known(scene)
        assert {k: v for k, v in believed(told).items() if k != "size"} == {k: v for k, v in facts.items() if k != "size"}


@pytest.mark.parametrize(
    "box,size", [((2, 2, 8, 8), "small"), ((2, 2, 9, 8), "large"), ((2, 1, 8, 9), "large"), ((0, 0, 10, 10), "large")]
)
def test_sizes_by_hand(box, size):
    assert size_of(box) == size and size in WORLD.sizes


def test_a_blind_teacher_errs_about_sizes_but_not_often():
    batch = WORLD.batch(7, range(400))
    same = [believed(t)["size"] == known(g)["size"] for t, g in zip(symbols(batch), batch.graphs, strict=True)]
    assert 0.8 < np.mean(same) < 0.97


def test_answers_are_what_the_teacher_believes():
    for told, sample in samples(80):
        facts = believed(told)
        if sample.kind == "detail":
            ((_, answer),) = sample.turns
            assert all(re.search(rf"\b{v}\b", answer) for v in facts.values())
        if sample.kind == "conversation":
            assert len(sample.turns) == 2
            for question, answer in sample.turns:
                if answer in ("yes.", "no."):
                    named = set(re.findall(r"[a-z]+", question)) & {*WORLD.shapes, *WORLD.colours}
                    assert (named <= {facts["shape"], facts["colour"]}) == (answer == "yes.") and len(named) == 1
                else:
                    assert any(
                        answer in (f"it is {v}.", f"it is a {v}.", f"it is an {v}.", f"it is at the {v}.") for v in facts.values()
                    )
        if sample.kind == "reasoning":
            before, after = (set(part.split()) for part in sample.turns[0][1].rstrip(".").split(". then "))
            assert {facts[a] for a in EDITED} <= before
            assert len({facts[a] for a in EDITED} - after) == 1
        if sample.kind == "caption":
            assert sample.turns[0][1] == told.caption


def test_test_wordings_and_held_out_pairs_are_in_no_sample():
    shown = {(WORLD.shapes[s], WORLD.colours[c]) for s, c, _ in WORLD.combinations}
    assert len(shown) == 48
    held = [tuple(re.findall(r"[a-z]+", re.sub(r"\{.\w*\}", "*", w[-1]))) for w in WORDINGS.values()]
    found = 0
    for _, sample in samples():
        for question, _ in sample.turns:
            assert not question.startswith(("in this picture", "in detail,", "we turn"))
        for text in texts(sample):
            pairs = re.findall(rf"({'|'.join(WORLD.colours)}) (?:\w+ed |plain )?({'|'.join(WORLD.shapes)})", text)
            found += len(pairs)
            assert all((shape, colour) in shown for colour, shape in pairs)
    assert found > 700
    assert len(set(held)) == len(WORDINGS) and all(len(set(w)) == 4 for w in WORDINGS.values())


def test_test_questions_are_about_held_out_pairs_in_held_out_wordings():
    chance, batch = random.Random(0), NOVEL.batch(1, range(200))
    shown = {(WORLD.shapes[s], WORLD.colours[c]) for s, c, _ in WORLD.combinations}
    asked = set()
    for scene in batch.graphs:
        assert (scene.objects[0].shape, scene.objects[0].colour) not in shown
        for kind in KINDS:
            q = ask(scene, kind, NOVEL, chance)
            assert q.text.startswith(("in this picture, ", "in detail, ", "we turn ")) and q.kind == kind
            asked.add(q.asked)
            facts = known(scene)
            if kind == "reasoning":
                assert set(q.truth) == set(EDITED) and sum(q.truth[a] != facts[a] for a in EDITED) == 1
                (new,) = [v for a, v in q.truth.items() if v != facts[a]]
                assert new in q.text
            elif q.asked != "exist":
                assert all(facts[a] == v for a, v in q.truth.items())
                assert q.asked == "detail" or facts[q.asked] not in q.text.replace("background", "")
    assert asked == {*ASKED, "detail", "reasoning"}
    yes = [
        q.truth["exist"]
        for s in NOVEL.batch(2, range(2_000)).graphs
        if (q := ask(s, "conversation", NOVEL, chance)).asked == "exist"
    ]
    assert 0.42 < np.mean([v == "yes" for v in yes]) < 0.58


def test_every_word_is_the_language_models_or_declared_new():
    tokenizer = WordTokenizer([*words(), *NEW_WORDS], 60, strict=True)
    for _, sample in samples(100):
        for text in texts(sample):
            tokenizer.encode(text)
    for scene in NOVEL.batch(4, range(100)).graphs:
        for kind in KINDS:
            tokenizer.encode(ask(scene, kind, NOVEL, random.Random(1)).text)
    assert not set(NEW_WORDS) & set(words())


def test_the_same_chance_writes_the_same_and_kinds_are_checked():
    assert [s for _, s in samples(20)] == [s for _, s in samples(20)]
    assert [s for _, s in samples(20)] != [s for _, s in samples(20, seed=4)]
    with pytest.raises(ValueError, match="kind 'joke' is unknown"):
        write(TOLD, "joke", WORLD, random.Random(0))
    with pytest.raises(ValueError, match="kind 'caption' is unknown"):
        instructions.ask(WORLD.batch(0, range(1)).graphs[0], "caption", WORLD, random.Random(0))
