"""Foils are false, paraphrases and negations are true, questions have the right and balanced answers."""

import hashlib
import re
from collections import Counter

import pytest

from vlatlas.data.scenes import World, parse
from vlatlas.data.scenes.dense import alpha
from vlatlas.data.scenes.edits import edit
from vlatlas.data.scenes.english import realise
from vlatlas.data.scenes.languages import Language, chinese, realise_all
from vlatlas.data.scenes.negatives import KINDS, foils, opposite, shuffled
from vlatlas.data.scenes.questions import KINDS as QUESTIONS
from vlatlas.data.scenes.questions import NUMBERS, ask, dialogue
from vlatlas.data.scenes.wording import alt_text, canonical, long, negated, paraphrase, vocabulary

DIGESTS = {  # sha256 over the texts of the first 1,000 scenes
    "foils": "0dbce6384fe2d478c4d33956fa2a24402bc0f1f8537eb262ba264b55cf85010e",
    "paraphrases": "ec7c70b6a2ce3ac41bb2dd53c462d26a0d956bec011e86bb8df7ea3c37d5ed1f",
    "long": "6f3f638cba5ac47320bdfb69995960c902a37b9324215023f249abe3477a29b5",
    "alt": "433c1e7defc6405700c13172295e243082f6d010e3664d95baef0823e31c7af9",
    "negated": "6c7c9e8f474ae91f263ee6e5bb4426a863bb6f957e56467ae07cfed80d7550cd",
    "questions": "4813480fea4c945e387471eb91ec27d97df977fe10b837f53061803cad1db993",
    "edits": "4fb650f1b01ae528617767d5e7cc2f65bcef0950d29ae8628854e0c80ee3752d",
    "chinese": "58a11e1c31610e27c50261df38ef7093b49333686135e4b678bf75b722158ae4",
    "procedural": "409fee4c83d494232c1298ada11b456aca06de2c242c051905c551cabc430900",
}
WORLD = World(objects=(2, 2), backgrounds=8, sizes=3)
MANY = World(objects=(1, 4), styles=("flat", "photo"))
N = 10_000


def texts(name: str) -> list[str]:
    batch = MANY.batch(0, range(1000))
    if name == "foils":
        return [realise(f) for k in KINDS for f in foils(batch, k) if f]
    if name == "questions":
        return [f"{q.text} {q.answer}" for k in QUESTIONS for q in ask(batch, k) if q]
    return {
        "paraphrases": lambda: [paraphrase(s, k) for k, s in enumerate(batch.statements)],
        "long": lambda: [" ".join(t) for t in long(batch)],
        "alt": lambda: alt_text(batch)[0],
        "negated": lambda: [realise(s) for s in negated(batch)],
        "edits": lambda: edit(batch)[1],
        "chinese": lambda: [chinese(s) for s in batch.statements],
        "procedural": lambda: realise_all(Language("x", "greek"), batch.statements),
    }[name]()


def fingerprint(name: str) -> str:
    return hashlib.sha256("\n".join(texts(name)).encode()).hexdigest()


@pytest.mark.parametrize("name", DIGESTS)
def test_first_thousand_texts_are_the_committed_ones(name):
    assert fingerprint(name) == DIGESTS[name]


@pytest.fixture(scope="module")
def batch():
    return WORLD.batch(3, range(N))


@pytest.mark.parametrize("kind", KINDS)
def test_foils_are_false_of_their_image_and_parse_back(batch, kind):
    made = 0
    for foil, scene in zip(foils(batch, kind), batch.graphs, strict=True):
        if foil is not None:
            assert not foil.true_of(scene)
            assert parse(realise(foil, 1)) == foil
            made += 1
    assert made > 0.99 * N


def test_swapped_captions_are_as_often_true_as_false(batch):
    """By symmetry a text alone does not tell truth from foil: colour-shape pairs occur equally often."""

    def first(statements):
        return Counter((s.objects[0]["colour"], s.objects[0]["shape"]) for s in statements if s)

    truth, foil = first(batch.statements), first(foils(batch, "attribute"))
    assert set(truth) == set(foil)
    chi = sum((truth[k] - foil[k]) ** 2 / (truth[k] + foil[k]) for k in truth)
    assert chi < 64 + 4 * (2 * 64) ** 0.5  # 64 cells: mean 64, four standard deviations


def test_a_relation_told_from_the_other_side_is_true(batch):
    for statement, scene in zip(batch.statements[:2000], batch.graphs, strict=False):
        assert opposite(statement).true_of(scene)
    with pytest.raises(ValueError, match="not one relation"):
        opposite(batch.statements[0].__class__(({"shape": "star"},)))


def test_shuffled_captions_keep_the_words_and_change_the_order(batch):
    for a, b in zip(batch.captions, shuffled(batch.captions, batch.draw), strict=True):
        assert a != b and Counter(a.rstrip(".").split()) == Counter(b.rstrip(".").split())


def test_paraphrases_mean_the_same_and_negations_are_true(batch):
    for k, (statement, other, scene) in enumerate(zip(batch.statements, negated(batch), batch.graphs, strict=True)):
        text = paraphrase(statement, k)
        assert text != realise(statement, k) and parse(canonical(text)) == statement
        assert other.absent and other.true_of(scene) and parse(realise(other, k)) == other


def test_long_descriptions_state_only_facts():
    batch = MANY.batch(0, range(1000))
    for sentences, scene in zip(long(batch, 8), batch.graphs, strict=True):
        assert 4 <= len(sentences) <= 8
        by_shape = {o.shape: o for o in scene.objects}
        for text in sentences:
            words = text.rstrip(".").split()
            if words[0] == "there":
                assert by_shape[words[-1]].colour == words[-2]
            elif words[1] == "background":
                assert words[-1] == scene.background
            elif len(words) == 4:
                assert words[3] in (by_shape[words[1]].texture, by_shape[words[1]].size)
            else:
                i, j = (scene.objects.index(by_shape[w]) for w in (words[1], words[-1]))
                assert scene.holds(i, " ".join(words[3:-2]), j)


def test_alt_text_has_the_stated_shares(batch):
    texts, kinds = alt_text(batch, unrelated=0.3, generic=0.2)
    share = Counter(kinds)
    assert abs(share["unrelated"] / N - 0.3) < 0.02 and abs(share["generic"] / N - 0.2) < 0.02
    for text, kind, scene in zip(texts, kinds, batch.graphs, strict=True):
        if kind == "partial":
            assert set(text.split()) - {"object"} <= {scene.objects[0].colour, scene.objects[0].shape}
    with pytest.raises(ValueError, match="at most 1"):
        alt_text(batch, 0.7, 0.7)


def answer(text: str, scene) -> str:
    """The answer, worked out from the scene graph by a second route: loops over objects."""
    shapes = {o.shape: o for o in scene.objects}
    colours = {o.colour: o for o in scene.objects}
    words = text.rstrip("?").split()
    if text.startswith("is there"):
        named = words[3:]
        return "yes" if any(n in shapes or n in colours for n in named if n != "object") else "no"
    if text.startswith("how many"):
        n = sum(words[2] in (o.size, o.texture) for o in scene.objects)
        return NUMBERS[n]
    if text.startswith("what colour"):
        return shapes[words[-1]].colour
    if text.startswith("what shape"):
        return colours[words[-2]].shape
    a, b, relation = shapes[words[2]], shapes[words[-1]], " ".join(words[3:-2])
    gap = {"left of": b.x - a.x, "right of": a.x - b.x, "above": b.y - a.y, "below": a.y - b.y}
    size = {"larger than": a.radius / b.radius, "smaller than": b.radius / a.radius}
    true = gap[relation] > 0.25 if relation in gap else size[relation] > 1.12
    return "yes" if true else "no"


@pytest.mark.parametrize("kind", QUESTIONS)
def test_questions_have_exact_and_balanced_answers(kind):
    batch = MANY.batch(1, range(N))
    answers = Counter()
    for q, scene in zip(ask(batch, kind), batch.graphs, strict=True):
        if q is not None:
            assert q.kind == kind and answer(q.text, scene) == q.answer, (q, scene)
            answers[q.answer] += 1
    assert sum(answers.values()) > 0.5 * N
    if set(answers) == {"yes", "no"}:
        assert abs(answers["yes"] / sum(answers.values()) - 0.5) < 0.03


def test_dialogues_begin_with_a_description():
    batch = MANY.batch(1, range(50))
    talks = dialogue(batch, 3)
    assert [t[0][1] for t in talks] == batch.captions and max(map(len, talks)) == 3


@pytest.mark.parametrize("held_out", ["none", "combinations"])
def test_an_edit_changes_one_attribute_of_one_object_and_stays_in_the_split(held_out):
    world = World(objects=(1, 3), held_out=held_out, styles=("flat", "photo"))
    batch = world.batch(0, range(3000))
    after, texts = edit(batch)
    allowed = {tuple(c) for c in world.combinations.tolist()}
    for b, (old, new, text) in enumerate(zip(batch.graphs, after.graphs, texts, strict=True)):
        changed = [
            (k, a)
            for k, (o, n) in enumerate(zip(old.objects, new.objects, strict=True))
            for a in ("shape", "colour", "texture", "size")
            if o.get(a) != n.get(a)
        ]
        assert len(changed) == 1
        k, attribute = changed[0]
        word = new.objects[k].get(attribute)
        assert (attribute == "size" or word in text) and old.objects[k].shape in text
        layout = after.layout
        assert (int(layout.shape[b, k]), int(layout.colour[b, k]), int(layout.texture[b, k])) in allowed
    near = (alpha(batch) + alpha(after)).amax(dim=1) > 0
    same = (batch.images == after.images).all(dim=1)
    flat = batch.labels["style"] == 0
    assert (same | near)[flat].all()
    with pytest.raises(ValueError, match="silhouette"):
        edit(world(styles=("silhouette",)).batch(0, range(2)))


def test_all_words_are_in_the_extended_vocabulary(batch):
    words = set(vocabulary())
    part = MANY.batch(5, range(1500))
    texts = [s for t in long(part) for s in t] + alt_text(part)[0] + edit(part)[1]
    texts += [paraphrase(s, k) for k, s in enumerate(part.statements)]
    texts += [f"{q.text} {q.answer}" for k in QUESTIONS for q in ask(part, k) if q]
    texts += [text for talk in dialogue(part) for pair in talk for text in pair]
    found = {w for t in texts for w in re.findall(r"[a-z]+|[^\w\s]", t)}
    assert found <= words, found - words
