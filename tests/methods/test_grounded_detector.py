"""The grid detector: geometry by hand, fusion that starts silent, prompts whose order is of no account, a task it learns."""

import pytest
import torch

from vlatlas.methods.glip import phrase_scores
from vlatlas.methods.grounded_detector import GroundedDetector, assign, detection_loss

OWNER = torch.tensor([[0, 0, -1, 1, -1]])
VALID = torch.ones(1, 5, dtype=torch.bool)


def detector(**changes):
    torch.manual_seed(0)
    return GroundedDetector(6, 5, grid=4, frame=32, d=16, **changes).eval()


def test_boxes_contain_their_cells_centre_and_the_grid_is_read_row_by_row():
    net = detector()
    assert net.centres[:5].tolist() == [[4, 4], [12, 4], [20, 4], [28, 4], [4, 12]]
    boxes = net(torch.randn(3, 16, 6), torch.randn(3, 5, 5), VALID.expand(3, -1))["boxes"]
    assert (boxes[..., :2] < net.centres).all() and (boxes[..., 2:] > net.centres).all()


def test_deep_fusion_begins_as_late_fusion_bit_for_bit():
    deep, late = detector(), detector(fusion=False)
    missing = late.load_state_dict(deep.state_dict(), strict=False)
    assert not missing.missing_keys and all("fusions" in k for k in missing.unexpected_keys)
    patches, words = torch.randn(2, 16, 6), torch.randn(2, 5, 5)
    valid = VALID.expand(2, -1)
    a, b = deep(patches, words, valid), late(patches, words, valid)
    assert torch.equal(a["logits"], b["logits"]) and torch.equal(a["boxes"], b["boxes"])


def test_without_fusion_the_boxes_do_not_know_the_prompt_and_with_it_they_do():
    patches, one, other = torch.randn(1, 16, 6), torch.randn(1, 5, 5), torch.randn(1, 5, 5)
    deep, late = detector(), detector(fusion=False)
    for fusion in deep.fusions:
        torch.nn.init.normal_(fusion.out_o.weight)
    assert torch.equal(late(patches, one, VALID)["boxes"], late(patches, other, VALID)["boxes"])
    seen = [deep(patches, words, VALID)["boxes"] for words in (one, other)]
    assert not torch.allclose(*seen, atol=1e-3)


@pytest.mark.parametrize("fusion", [True, False])
def test_the_order_of_phrases_and_the_padding_are_of_no_account(fusion):
    net = detector(fusion=fusion)
    for f in net.fusions:
        torch.nn.init.normal_(f.out_o.weight)
        torch.nn.init.normal_(f.out_q.weight)
    patches, words = torch.randn(1, 16, 6), torch.randn(1, 5, 5)
    plain, boxes = net(patches, words, VALID).values()
    order = torch.tensor([3, 4, 0, 1, 2])  # the second phrase first
    padded = torch.cat([words[:, order], torch.randn(1, 2, 5)], dim=1)
    valid = torch.cat([VALID, torch.zeros(1, 2, dtype=torch.bool)], dim=1)
    moved, moved_boxes = net(patches, padded, valid).values()
    torch.testing.assert_close(moved_boxes, boxes, atol=1e-5, rtol=1e-4)
    owner = torch.tensor([[1, -1, 0, 0, -1, -1, -1]])
    torch.testing.assert_close(phrase_scores(moved, owner, 2), phrase_scores(plain, OWNER, 2), atol=1e-5, rtol=1e-4)


def test_assignment_by_hand():
    centres = detector().centres
    boxes = torch.tensor([[[0, 0, 16, 16], [16, 16, 20, 20], [0, 0, 32, 32], [0, 0, 0, 0]]])
    region = assign(boxes, torch.tensor([[True, True, True, False]]), centres)[0].view(4, 4).tolist()
    assert region == [[0, 0, -1, -1], [0, 0, 2, -1], [-1, 2, 1, -1], [-1, -1, -1, -1]]
    assert (assign(boxes, torch.zeros(1, 4, dtype=torch.bool), centres) == -1).all()


def test_the_loss_is_zero_for_a_perfect_answer_and_knows_unnamed_objects_as_background():
    truth = torch.tensor([[[0.0, 0, 8, 8], [8, 0, 16, 8]]])
    region, phrase = torch.tensor([[0, 1, -1]]), torch.tensor([[1, -1]])
    boxes = torch.cat([truth, torch.tensor([[[3.0, 3, 9, 9]]])], dim=1)
    logits = torch.full((1, 3, 5), -30.0)
    logits[0, 0, 3] = 30.0
    assert detection_loss(logits, boxes, truth, region, phrase, OWNER, VALID).item() == pytest.approx(0, abs=1e-6)
    half = boxes.clone()
    half[0, 0] = torch.tensor([0.0, 0, 8, 4])
    half[0, 1] = torch.tensor([0.0, 0, 1, 1])  # an unnamed object's box is nobody's business
    assert detection_loss(logits, half, truth, region, phrase, OWNER, VALID).item() == pytest.approx(0.5, abs=1e-6)
    logits[0, 1, 3] = 30.0  # naming it costs
    assert detection_loss(logits, boxes, truth, region, phrase, OWNER, VALID).item() > 1


@pytest.mark.parametrize("closed", [True, False])
def test_both_twins_learn_to_find_two_kinds(closed):
    torch.manual_seed(0)
    net = GroundedDetector(6, 5, grid=4, frame=32, d=16, classes=2 if closed else None)
    kinds, words = torch.randn(2, 6), torch.randn(1, 5, 5).expand(2, -1, -1)
    patches = 0.05 * torch.randn(2, 16, 6)
    patches[0, 5], patches[1, 5] = kinds[0], kinds[1]  # one object each, in the same cell
    truth, present = torch.tensor([[[8.0, 6, 18, 16]], [[6.0, 8, 16, 20]]]), torch.ones(2, 1, dtype=torch.bool)
    owner = torch.arange(2).expand(2, -1) if closed else OWNER.expand(2, -1)
    valid, phrase = torch.ones_like(owner, dtype=torch.bool), torch.tensor([[0], [1]])
    region = assign(truth, present, net.centres)
    optimizer = torch.optim.AdamW(net.parameters(), lr=1e-2)
    for _ in range(80):
        said = net(patches, words, valid)
        loss = detection_loss(**said, truth=truth, region=region, phrase=phrase, owner=owner, valid=valid)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    scores = phrase_scores(said["logits"], owner, 2)
    assert loss < 0.3
    assert [divmod(int(s.flatten().argmax()), 2) for s in scores] == [(5, 0), (5, 1)]
