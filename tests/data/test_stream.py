import pytest
import torch

from vlatlas.data.scenes import World
from vlatlas.data.stream import Pool
from vlatlas.models import WordTokenizer

WORLD = World(detail="short")


@pytest.fixture(scope="module")
def pool() -> Pool:
    return Pool(WORLD, 300, WordTokenizer(WORLD.vocabulary(), 12), seed=5, chunk=128)


def test_a_pool_is_the_worlds_scenes_whatever_the_chunk(pool):
    batch = WORLD.batch(5, range(300))
    assert pool.captions == batch.captions
    assert (pool.floats() - batch.images).abs().max() <= 0.5 / 255 + 1e-6
    assert torch.equal(pool.labels["shape"], batch.labels["shape"])


def test_groups_are_equal_captions(pool):
    for i in range(0, 300, 7):
        for j in range(0, 300, 11):
            assert (pool.group[i] == pool.group[j]) == (pool.captions[i] == pool.captions[j])


def test_an_epoch_shows_every_scene_once_and_the_next_in_another_order(pool):
    stream = pool.batches(50, seed=3)
    whole = [torch.cat([stream(e * 6 + k)[0] for k in range(6)]) for e in (0, 1)]
    keys = [sorted(x.sum().item() for x in w) for w in whole]
    assert keys[0] == keys[1] and not torch.equal(*whole)


def test_a_step_is_the_same_batch_in_any_order_of_asking(pool):
    a, b = pool.batches(50, seed=3), pool.batches(50, seed=3)
    later = a(9)[1]
    a(0)
    assert torch.equal(later, b(9)[1]) and torch.equal(a(9)[1], later)
    assert not torch.equal(pool.batches(50, seed=4)(9)[1], later)


def test_a_batch_larger_than_the_pool_is_refused(pool):
    with pytest.raises(ValueError, match="301 is larger than the pool of 300"):
        pool.batches(301)
