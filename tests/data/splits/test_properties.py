"""What each split promises, counted: which facts are told where, how good a mask is, who would be at chance."""

from collections import Counter, defaultdict

import pytest
import torch

from vlatlas.data.scenes import parse
from vlatlas.data.scenes.degrade import DEFECTS
from vlatlas.data.scenes.english import phrase
from vlatlas.data.scenes.questions import KINDS, NUMBERS
from vlatlas.data.scenes.wording import canonical
from vlatlas.data.splits import (
    ambiguity,
    anomaly,
    biased,
    captioning,
    clips,
    counting,
    faces,
    fusion,
    guidance,
    longtext,
    painted,
    proposals,
    questions,
    regions,
    shifted,
    sketches,
    subjects,
    tokens,
)


@pytest.mark.parametrize("kind", shifted.KINDS)
def test_a_shift_grows_with_its_severity(kind):
    plain = shifted.WORLD.batch(shifted.TEST_SEED, range(60))
    away = []
    for severity in shifted.SEVERITIES:
        images, labels = shifted.test(kind, severity, 60)
        away.append((images - plain.images).abs().mean().item())
        if kind != "combinations":
            assert all(torch.equal(labels[a], plain.labels[a]) for a in ("shape", "colour"))
    assert away == sorted(away) and away[0] < away[-1]
    with pytest.raises(ValueError, match="severity 6"):
        shifted.test(kind, 6)


def test_patches_of_the_token_budget_tile_the_image():
    assert tokens.test(4).images.shape[-1] % tokens.PATCH == 0 and len(tokens.WORLD.shapes) == 6


def test_descriptions_differ_in_their_last_fact_and_the_foil_is_false():
    changed = Counter()
    for k in range(1, longtext.SENTENCES + 1):
        batch, truths, foils, rows = longtext.test(k, 120)
        for b, truth, foil in zip(rows, truths, foils, strict=True):
            true, false = truth.split(". "), foil.split(". ")
            assert true[:-1] == false[:-1] and len(true) == k and true[-1] != false[-1]
            scene, words = batch.graphs[b], false[-1].rstrip(".").split()
            objects = {o.shape: o for o in scene.objects}
            if words[0] == "there":
                assert all((o.colour, o.shape) != (words[3], words[4]) for o in scene.objects)
                assert words[2] == ("an" if words[3] == "orange" else "a")
                changed["object"] += 1
            elif words[1] == "background":
                assert words[3] in longtext.WORLD.backgrounds and words[3] != scene.background
                changed["background"] += 1
            elif len(words) == 4:
                kind = "size" if words[3] in longtext.WORLD.sizes else "texture"
                assert objects[words[1]].get(kind) != words[3] and words[3] in longtext.WORLD.classes(kind)
                changed[kind] += 1
            else:
                names = [o.shape for o in scene.objects]
                assert not scene.holds(names.index(words[1]), " ".join(words[3:-2]), names.index(words[-1]))
                changed["relation"] += 1
    assert set(changed) == {"object", "texture", "size", "relation", "background"}
    with pytest.raises(ValueError, match="k 9"):
        longtext.test(9)


def test_a_listing_tells_each_fact_where_it_says():
    images, titles, labels, where, wrong = fusion.listings(3, range(400))
    again, *_ = fusion.listings(3, range(100, 200))
    assert torch.equal(again, images[100:200]) and not wrong.any()
    for b, title in enumerate(titles):
        told = set(title.split())
        for task in fusion.TASKS:
            names = NUMBERS[1:5] if task == "count" else fusion.WORLD.classes(task)
            side = fusion.WHERE[where[task][b]]
            assert (names[labels[task][b]] in told) == (side != "image"), (title, task, side)
            assert len(told & set(names)) == (side != "image")
    hidden = where["colour"] == 1  # an object without its colour is white: nothing in the picture is saturated
    saturation = (images.max(dim=1).values - images.min(dim=1).values).flatten(1).max(dim=1).values
    assert saturation[hidden].max() < 0.2 < saturation[~hidden].min()


def test_titles_and_pictures_of_other_listings_come_at_the_rate():
    _, honest, *_ = fusion.listings(3, range(1000))
    images, titles, _, _, wrong = fusion.listings(3, range(1000), 0.4)
    assert abs(wrong.float().mean() - 0.4) < 0.05
    assert all(t == h for t, h, w in zip(titles, honest, wrong.tolist(), strict=True) if not w)
    assert sum(t != h for t, h in zip(titles, honest, strict=True)) > 0.9 * wrong.sum()
    other, *_ = fusion.listings(3, range(1000), 0.4, "picture")
    assert torch.equal((other != images).flatten(1).any(dim=1), wrong)


def test_a_sketch_is_of_its_photo_and_galleries_are_of_one_category():
    boxes = [p.boxes for p in (sketches.pairs(sketches.NOVEL, 0, range(200))[2],)]
    assert (boxes[0][..., 2:] > boxes[0][..., :2]).all()
    galleries = sketches.galleries()
    assert len(galleries) == 8 and all(len(s) == len(p) == sketches.GALLERY for s, p in galleries)
    assert len(sketches.galleries(unseen=False)) == 24


def test_jittered_boxes_overlap_as_told_and_objects_are_of_the_sizes_told():
    from torchvision.ops import box_iou

    _, _, box, label, mask = regions.test(20)
    moved = regions.jittered(box, 0.7, seed=1)
    assert torch.allclose(box_iou(moved, box).diagonal(), torch.tensor(0.7), atol=1e-4)
    sides = (box[:, 2:] - box[:, :2]).max(dim=1).values
    assert sides.max() <= 33 and sides.median() > 12 and set(label.tolist()) <= set(range(24))
    assert (mask.sum(dim=(1, 2)) >= regions.LEAST).all()
    with pytest.raises(ValueError, match="overlap 0"):
        regions.jittered(box, 0)


@pytest.mark.parametrize("way", ["eroded", "dilated", "cut", "shifted"])
def test_proposals_have_the_quality_asked_for(way):
    _, _, _, mask, other = proposals.test(15)
    for quality in (0.3, 0.6, 0.9):
        made = proposals.make(mask, way, quality, other)
        slack = 0.15 if way == "shifted" else 2 / mask.sum(dim=(1, 2)).min()
        assert (proposals.iou(made, mask) - quality).abs().max() < slack
    assert torch.equal(proposals.make(mask, "eroded", 1.0, other), mask)


def test_proposals_of_nothing_and_of_neighbours():
    _, _, _, mask, other = proposals.test(15)
    assert proposals.iou(proposals.make(mask, "background", 1.0, other), mask).max() == 0
    assert proposals.iou(other, mask).max() == 0 and (other | mask).sum() == proposals.make(mask, "union", 1.0, other).sum()
    with pytest.raises(ValueError, match="'guess'"):
        proposals.make(mask, "guess", 0.5, other)


@pytest.mark.parametrize("crowd", [False, True])
def test_counts_are_those_of_the_objects(crowd):
    batch, names, counts = counting.scenes(0, range(80), crowd)
    for b, scene in enumerate(batch.graphs):
        there = Counter(phrase({"colour": o.colour, "shape": o.shape}) for o in scene.objects)
        assert [there[n] for n in names[b]] == counts[b].tolist() and sum(there.values()) == counts[b].sum()
    if not crowd:
        assert torch.equal(batch.masks.any(dim=(2, 3)).sum(dim=1), counts.sum(dim=1))
    many = counting.scenes(0, range(1000))[2].double()
    assert many.min() == 1 and many.max() == 8 and many.T.corrcoef()[0, 1].abs() < 0.1


def test_painted_words_say_what_they_should():
    for kind, right in (("relevant", True), ("misleading", False)):
        images, masks, words, batch = painted.scenes(kind, 0, range(50))
        assert all((w == s.objects[0].shape) == right for w, s in zip(words, batch.graphs, strict=True))
        assert masks.flatten(1).any(dim=1).all() and (images != batch.images).flatten(1).any(dim=1).all()
    images, masks, words, batch = painted.scenes("none", 0, range(5))
    assert torch.equal(images, batch.images) and not masks.any() and set(words) == {""}


def test_half_of_the_objects_have_a_defect_on_the_object_itself():
    images, masks, kind = anomaly.scenes(anomaly.TARGET, 0, range(600))
    batch = anomaly.TARGET.batch(0, range(600))
    assert abs((kind >= 0).float().mean() - 0.5) < 0.06 and set(kind.tolist()) == {-1, *range(len(DEFECTS))}
    assert torch.equal((images - batch.images).abs().amax(dim=1) > 2 / 255, masks)
    assert not (masks & ~batch.masks[:, 0]).any()


def test_a_click_has_three_nested_answers():
    images, points, masks = ambiguity.clicks(0, range(100))
    part, own, group = masks.unbind(dim=1)
    assert not (part & ~own).any() and not (own & ~group).any()
    sizes = masks.sum(dim=(2, 3))
    assert (sizes[:, 0] < sizes[:, 1]).all() and (sizes[:, 1] < sizes[:, 2]).all()
    assert part[torch.arange(100), points[:, 1], points[:, 0]].all()


def test_biases_are_planted_in_training_and_absent_from_the_test():
    def tied(batch):
        return (batch.labels["background"] == batch.labels["shape"][:, 0]).float().mean()

    train, test = biased.train(0, range(3000)), biased.test(2000)
    assert abs(tied(train) - (0.9 + 0.1 / 4)) < 0.02 and abs(tied(test) - 0.25) < 0.04
    often = train.labels["shape"][:, 0].bincount().float() / 3000
    assert often[0] > 3 * often[3] and abs(test.labels["shape"][:, 0].bincount().float() / 2000 - 0.25).max() < 0.04
    assert abs(train.layout.x - 0.5).max() < 0.05 < 0.2 < abs(test.layout.x - 0.5).max()


def test_parts_of_faces_stand_where_they_belong():
    images, labels, choices = faces.faces(0, range(100))
    axis = torch.arange(64.0)
    high = [((labels == k) * axis[None, :, None]).sum() / (labels == k).sum() for k in range(len(faces.PARTS))]
    hat, eyes, mouth = high[4], high[2], high[3]
    assert hat < eyes < mouth and (labels.flatten(1).unique() == torch.arange(5)).all()
    assert all(len(c.unique()) > 2 for c in choices.values()) and torch.equal(choices["left eye"], choices["right eye"])


@pytest.mark.parametrize("novel", [False, True])
def test_references_are_five_true_sentences(novel):
    batch, references = captioning.test(novel, 100)
    for scene, five in zip(batch.graphs, references, strict=True):
        assert len(set(five)) == captioning.REFERENCES == 5
        assert all(parse(t).true_of(scene) for t in five[:4]) and parse(canonical(five[4])).true_of(scene)


def test_the_sentences_to_draw_from_are_48_half_of_them_held_out():
    prompts = guidance.prompts()
    novel = {(int(s), int(c)) for s, c, _ in guidance.WORLD(split="novel").combinations}
    assert len({s for _, s, _ in prompts}) == 48 and sum(seen for *_, seen in prompts) == 24
    for statement, text, seen in prompts:
        (thing,) = statement.objects
        pair = guidance.WORLD.shapes.index(thing["shape"]), guidance.WORLD.colours.index(thing["colour"])
        assert (pair not in novel) == seen and parse(text) == statement
    assert guidance.drawings(2).shape[:2] == (48, 2)


def test_subjects_are_alike_in_themselves_and_differ_from_one_another():
    assert len(set(subjects.SUBJECTS)) == 8 and len(subjects.PROMPTS) == 12 and all("{}" in p for p in subjects.PROMPTS)
    for k, (shape, texture, colour, mark, second) in enumerate(subjects.SUBJECTS):
        images, batch = subjects.pictures(k, 5, range(10))
        for scene in batch.graphs:
            body, sign = scene.objects
            assert (body.shape, body.texture, body.colour, sign.shape, sign.colour) == (shape, texture, colour, mark, second)
        assert batch.masks.any(dim=(2, 3)).all() and len(images.flatten(1).unique(dim=0)) == 10
    with pytest.raises(ValueError, match="subject 8"):
        subjects.pictures(8, 0, [0])


@pytest.mark.parametrize("kind", KINDS)
def test_who_does_not_look_is_at_chance_and_answers_are_true(kind):
    numbers, asked = questions.balanced(kind, 1500)
    answers = defaultdict(Counter)
    for q in asked:
        answers[q.text][q.answer] += 1
    assert len(asked) > 100 and all(len(c) > 1 and len(set(c.values())) == 1 for c in answers.values())
    graphs = questions.WORLD.batch(questions.TEST_SEED, range(1500)).graphs
    for k, q in zip(numbers[:200], asked[:200], strict=True):
        scene, words = graphs[k], q.text.rstrip("?").split()
        if kind == "colour":
            assert {o.colour for o in scene.objects if o.shape == words[-1]} == {q.answer}
        if kind == "exist":
            assert (q.answer == "yes") == any(
                words[-1 if words[-1] != "object" else -2] in (o.shape, o.colour) for o in scene.objects
            )
        if kind == "count":
            assert NUMBERS[sum(words[2] in (o.size, o.texture) for o in scene.objects)] == q.answer


def test_galleries_of_clips_have_captions_of_their_own():
    for kind, size in (("static", 60), ("motion", 60), ("order", 60)):
        clip, captions = clips.gallery(kind, size)
        assert len(set(captions)) == len(captions) == len(clip.frames) == size
    slow, a = clips.subset("motion", 0, range(20), "slow")
    fast, b = clips.subset("motion", 0, range(20), "fast")
    assert a == b and slow.frames.shape[1] == 16 and fast.frames.shape[1] == 4
    assert torch.equal(slow.frames[:, 0], fast.frames[:, 0]) and torch.equal(slow.frames[:, -1], fast.frames[:, -1])
    with pytest.raises(ValueError, match="different captions"):
        clips.gallery("motion", 700)
