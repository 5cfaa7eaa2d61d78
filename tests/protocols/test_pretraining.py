"""The pre-training protocol: arms of a seed differ in what is compared, and in nothing else."""

import torch

from vlatlas.data.scenes import World
from vlatlas.protocols.pretraining import Pretraining

SMALL = Pretraining(World(detail="short"), 64, 40, patch_size=8, width=16, depth=1, heads=1, pairs=320, batch_size=16)


def test_arms_of_a_seed_start_from_the_same_weights():
    a, b = SMALL.model(3), SMALL.model(3, patch_dropout=0.5)
    assert all(torch.equal(x, y) for x, y in zip(a.parameters(), b.parameters(), strict=True))
    assert not torch.equal(SMALL.model(4).visual.project.weight, a.visual.project.weight)
    assert b.visual.patch_dropout.ratio == 0.5


def test_the_callers_generator_is_left_alone():
    torch.manual_seed(1)
    expected = torch.rand(1)
    torch.manual_seed(1)
    SMALL.model(3)
    assert torch.equal(torch.rand(1), expected)


def test_the_budget_is_a_number_of_pairs():
    assert SMALL.schedule(0).steps == 20
    assert SMALL.schedule(0, batch_size=64).steps == 5
    assert SMALL.schedule(0, pairs=32).steps == 2
    assert SMALL.schedule(0, pairs=1).steps == 1


def test_test_scenes_are_not_training_scenes():
    train = {x.numpy().tobytes() for x in SMALL.train_pool.images}
    assert not any(x.numpy().tobytes() in train for x in SMALL.test_pool.images)


def test_zero_shot_is_the_share_of_right_argmaxes_written_out():
    model = SMALL.model(0).eval()
    score = SMALL.zero_shot(model)
    values, hits = SMALL.world.classes("colour"), 0
    with torch.no_grad():
        for i in range(SMALL.test):
            u = model.encode_image(SMALL.test_pool.floats(slice(i, i + 1)), normalize=True)[0]
            cosines = []
            for value in values:
                v = model.encode_text(model.tokenizer(SMALL.world.prompts(colour=value)), normalize=True).mean(0)
                cosines.append(float(u @ v / v.norm()))
            hits += cosines.index(max(cosines)) == SMALL.test_pool.labels["colour"][i, 0]
    assert score["colour"] == hits / SMALL.test


def test_an_untrained_model_is_near_chance_in_retrieval():
    assert SMALL.retrieval(SMALL.model(0))["image_to_text@1"] < 0.5
