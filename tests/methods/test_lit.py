import torch

from vlatlas.losses import ClipLoss
from vlatlas.methods.lit import LockedImageTuning
from vlatlas.models import CLIP, ClipConfig, WordTokenizer
from vlatlas.train import TrainConfig, train

WORDS = ["a", "red", "blue", "star"]


def test_no_gradient_reaches_the_locked_features():
    torch.manual_seed(0)
    net = LockedImageTuning(WordTokenizer(WORDS, 6), 8, 16)
    u = torch.randn(3, 8, requires_grad=True)
    ClipLoss()(**net(u, net.tokenizer(["a red star", "blue", "a star"]))).backward()
    assert u.grad is None
    assert all(p.grad is not None for p in net.text.parameters())


def test_features_computed_once_give_what_the_whole_model_gives():
    torch.manual_seed(0)
    model = CLIP(ClipConfig(tuple(WORDS), image_size=8, width=8, depth=1, heads=2, text_width=16, text_depth=1, embed_dim=8))
    model = model.eval()
    net = LockedImageTuning(model.tokenizer, 8, 16).eval()
    net.text.load_state_dict(model.text.state_dict())
    images, ids = torch.rand(3, 3, 8, 8), model.tokenizer(["a red star", "blue", "a star"])
    whole, locked = model(images, ids), net(model.encode_image(images), ids)
    for name in whole:
        torch.testing.assert_close(locked[name], whole[name])


def test_training_moves_the_text_tower_towards_the_images():
    net = LockedImageTuning(WordTokenizer(WORDS, 6), 4, 16)
    u, ids = torch.eye(4), net.tokenizer(WORDS)
    history = train(net, lambda step: (u, ids), ClipLoss(), TrainConfig(60, 4, 3e-3), device="cpu", progress=False)
    assert history.rows[-1]["loss"] < 0.1 < history.rows[0]["loss"]
    v = net.eval().encode_text(ids, normalize=True)
    assert (v @ u.T).argmax(dim=1).tolist() == [0, 1, 2, 3]
