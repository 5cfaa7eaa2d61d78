"""Instructions: the teacher sees no pixel, says what it was told, and keeps what the test holds out to itself."""

import inspect
import random
import re

import numpy as np
import pytest

from vlatlas.data import instructions
from vlatlas.data.instructions import (
    ASKED,
    BODIES,
    EDITED,
    KINDS,
    NEW_WORDS,
    NOVEL,
    OPENINGS,
    WORLD,
    Symbols,
    ask,
    believed,
    known,
    size_of,
    symbols,
    wordings,
    write,
)  # fmt: skip
from vlatlas.data.scenes import parse
from vlatlas.models.tokenizer import WordTokenizer
from vlatlas.protocols.captioning_text import words

TOLD = Symbols("a picture of a red striped star on a dark background.", "star", (1, 4, 7, 9))


def samples(count=300, seed=3):
    told, chance = symbols(WORLD.batch(seed, range(count))), random.Random(seed)
    return [(s, write(s, kind, chance)) for s in told for kind in ("caption", *KINDS)]


def texts(sample):
    return [t for turn in sample.turns for t in turn]


def form(request):
    """A request without what it is about."""
    values = "|".join([*WORLD.shapes, *WORLD.colours, *WORLD.textures, *ASKED])
    return re.sub(rf"\b(an? )?({values})\b", "*", request)


def test_the_teacher_knows_the_caption_and_the_box_and_nothing_else():
    assert believed(TOLD) == {
        "colour": "red", "texture": "striped", "shape": "star", "background": "dark", "size": "small",
    }  # fmt: skip
    assert list(inspect.signature(write).parameters) == ["told", "kind", "chance"]
    assert list(Symbols.__dataclass_fields__) == ["caption", "name", "box"]
    batch = WORLD.batch(5, range(40))
    for told, scene in zip(symbols(batch), batch.scenes, strict=True):
        x0, y0, x1, y1 = scene.objects[0].box
        assert told.box == tuple(round(10 * v / 32) for v in (x0, y0, x1, y1)) and told.name == scene.objects[0].shape
        assert not {"small", "large"} & set(told.caption.split())
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
    assert 0.8 < np.mean(same) < 0.99


def test_answers_are_what_the_teacher_believes():
    asked = set()
    for told, sample in samples(80):
        facts = believed(told)
        if sample.kind == "detail":
            ((_, answer),) = sample.turns
            assert all(re.search(rf"\b{v}\b", answer) for v in facts.values())
        if sample.kind == "conversation":
            about = [next(a for a in ASKED if re.search(rf"\b{a}\b", q)) for q, _ in sample.turns]
            assert len(set(about)) == 2
            for a, (_, answer) in zip(about, sample.turns, strict=True):
                assert answer.rstrip(".").removeprefix("an ").removeprefix("a ") == facts[a]
            asked |= set(about)
        if sample.kind == "reasoning":
            request, answer = sample.turns[0]
            named = set(re.findall(r"\w+", answer)) - {"a", "an"}
            (lost,) = {facts[a] for a in EDITED} - named
            (new,) = named - {facts[a] for a in EDITED}
            assert len(named) == 3 and re.search(rf"\b{new}\b", request) and lost not in request
            (a,) = [a for a in EDITED if facts[a] == lost]
            assert new in WORLD.classes(a)
        if sample.kind == "caption":
            assert parse(sample.turns[0][1]) == parse(told.caption)
    assert asked == set(ASKED)


def test_every_part_of_a_test_wording_is_in_instructions_and_no_test_wording_is():
    for kind in KINDS:
        new, old = wordings(kind, True), wordings(kind, False)
        assert len(new) == 3 and len(old) == 6 and not set(new) & set(old)
        for opening, body in zip(OPENINGS, BODIES[kind], strict=True):
            assert opening + body in new
            assert sum(opening + b in old for b in BODIES[kind]) == sum(o + body in old for o in OPENINGS) == 2
    asked, told = set(), set()
    chance = random.Random(1)
    for scene in WORLD.batch(8, range(100)).graphs:
        asked |= {form(ask(scene, kind, chance).text) for kind in KINDS}
    for _, sample in samples(200):
        told |= {form(question) for question, _ in sample.turns}
    assert len(asked) == 9 and not asked & told


def test_held_out_pairs_are_in_no_sample():
    allowed = {(WORLD.shapes[s], WORLD.colours[c]) for s, c, _ in WORLD.combinations}
    assert len(allowed) == 27
    found = 0
    for _, sample in samples():
        for text in texts(sample):
            pairs = re.findall(rf"({'|'.join(WORLD.colours)}) (?:\w+ed |plain )?({'|'.join(WORLD.shapes)})", text)
            found += len(pairs)
            assert all((shape, colour) in allowed for colour, shape in pairs)
    assert found > 700


@pytest.mark.parametrize("world", [WORLD, NOVEL])
@pytest.mark.parametrize("test", [True, False])
def test_questions_have_the_answer_of_the_scene_graph(world, test):
    chance, asked = random.Random(0), set()
    allowed = {(WORLD.shapes[s], WORLD.colours[c]) for s, c, _ in WORLD.combinations}
    for scene in world.batch(1, range(200)).graphs:
        assert ((scene.objects[0].shape, scene.objects[0].colour) in allowed) == (world is WORLD)
        facts = known(scene)
        for kind in KINDS:
            q = ask(scene, kind, chance, test)
            assert q.kind == kind and form(q.text) in {form(w.format(a="colour", v="red")) for w in wordings(kind, test)}
            asked.add(q.asked)
            if kind == "reasoning":
                assert set(q.truth) == set(EDITED)
                (a,) = [a for a in EDITED if q.truth[a] != facts[a]]
                assert q.truth[a] in q.text and (a == "texture" or (q.truth["shape"], q.truth["colour"]) in allowed)
            else:
                assert all(facts[a] == v for a, v in q.truth.items())
                assert len(q.truth) == (5 if kind == "detail" else 1)
    assert asked == {*ASKED, "detail", "reasoning"}


def test_every_word_is_the_language_models_or_declared_new():
    tokenizer = WordTokenizer([*words(), *NEW_WORDS], 60, strict=True)
    used = set()
    for _, sample in samples(200):
        for text in texts(sample):
            tokenizer.encode(text)
            used |= set(re.findall(r"\w+", text))
    for scene in NOVEL.batch(4, range(100)).graphs:
        for kind in KINDS:
            tokenizer.encode(ask(scene, kind, random.Random(1)).text)
    assert not set(NEW_WORDS) & set(words()) and set(NEW_WORDS) <= used


def test_the_same_chance_writes_the_same_and_kinds_are_checked():
    assert [s for _, s in samples(20)] == [s for _, s in samples(20)]
    assert [s for _, s in samples(20)] != [s for _, s in samples(20, seed=4)]
    with pytest.raises(ValueError, match="kind 'joke' is unknown"):
        write(TOLD, "joke", random.Random(0))
    with pytest.raises(ValueError, match="kind 'caption' is unknown"):
        instructions.ask(WORLD.batch(0, range(1)).graphs[0], "caption", random.Random(0))
