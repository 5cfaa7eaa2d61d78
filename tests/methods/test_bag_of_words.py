import math

import pytest
import torch

from vlatlas.methods.bag_of_words import BagOfWords, BagOfWordsLoss
from vlatlas.models import CLIP, ClipConfig

CONFIG = ClipConfig(("a", "red", "blue", "star"), image_size=8, width=8, depth=1, heads=2, text_width=8, text_depth=1)


def learner() -> BagOfWords:
    torch.manual_seed(0)
    return BagOfWords(CLIP(CONFIG))


def test_words_present_by_hand():
    net = learner()
    h = net.present(net.tokenizer(["a red star", "blue blue"]))
    assert h.tolist() == [[0, 0, 0, 1, 1, 0, 1], [0, 0, 0, 0, 0, 1, 0]]


def test_the_loss_is_the_sum_over_words_in_plain_python():
    net = learner()
    out = net(torch.rand(3, 3, 8, 8), net.tokenizer(["a red star", "blue", "a"]))
    total = 0.0
    for i in range(3):
        for k in range(7):
            p = 1 / (1 + math.exp(-out["logits"][i, k].item()))
            total -= math.log(p if out["words"][i, k] else 1 - p) / 7 / 3
    assert BagOfWordsLoss()(**out).item() == pytest.approx(total, rel=1e-5)


def test_shared_words_do_not_score():
    net = learner()
    images = torch.rand(4, 3, 8, 8)
    score = net.score(images, [["a red star"], ["a blue star"]])
    logits = net.words(net.visual(images)).detach()
    expected = torch.nn.functional.logsigmoid(logits[:, [4, 5]])  # red and blue; "a" and "star" say nothing
    torch.testing.assert_close(score, expected)
    with pytest.raises(ValueError, match="no word of its own"):
        net.score(images, [["a star"], ["a star"]])
