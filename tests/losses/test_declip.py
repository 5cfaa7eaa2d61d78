"""DeCLIP's terms against loops over floats, finite differences, and what each must leave alone."""

import math

import pytest
import reference
import torch
import torch.nn.functional as F

from vlatlas.losses import ClipLoss
from vlatlas.losses.declip import DeclipLoss, RandomNeighbourLoss, TextQueue, nearest_text_loss, simsiam_loss

SCALE = torch.tensor(4.2, dtype=torch.float64)


def dot(a, b):
    return sum(x * y for x, y in zip(a, b, strict=True))


def cosine(a, b):
    return dot(a, b) / math.sqrt(dot(a, a) * dot(b, b))


def rows(n, d=6, seed=0):
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def unit(n, d=6, seed=0):
    return F.normalize(rows(n, d, seed), dim=1)


def given(n=5, seed=0, group=None, owner=None):
    """Everything that the loss takes, in float64."""
    u, v, other_u, other_v = (unit(n, 6, seed + k) for k in range(4))
    return {
        "image_features": u, "text_features": v, "other_image_features": other_u, "other_text_features": other_v,
        "logit_scale": SCALE, "predicted": (rows(n, 3, seed + 4), rows(n, 3, seed + 5)),
        "projected": (rows(n, 3, seed + 6), rows(n, 3, seed + 7)), "word_logits": rows(4, 9, seed + 8),
        "word_labels": torch.tensor([3, 8, 0, 5]), "group": torch.arange(n) if group is None else group,
        "owner": torch.arange(n) if owner is None else owner,
    }  # fmt: skip


def simsiam_loops(p, z, q, y):
    total = sum(cosine(a, b) for a, b in zip(p.tolist(), y.tolist(), strict=True))
    total += sum(cosine(a, b) for a, b in zip(q.tolist(), z.tolist(), strict=True))
    return -total / (2 * len(p))


def word_loops(logits, labels):
    picked = [math.log(sum(math.exp(x) for x in row)) - row[y] for row, y in zip(logits.tolist(), labels.tolist(), strict=True)]
    return sum(picked) / len(picked)


def nearest_loops(u, neighbours, s, group):
    total = 0.0
    for i, x in enumerate(u.tolist()):
        scores = [s * dot(x, y) for y in neighbours]
        log_sum = math.log(sum(math.exp(a) for a in scores))
        right = [scores[j] - log_sum for j in range(len(scores)) if group[j] == group[i]]
        total -= sum(right) / len(right)
    return total / len(u)


def test_simsiam_equals_the_loops_and_is_minus_one_where_views_agree():
    p, z, q, y = (rows(4, 3, k) for k in range(4))
    assert simsiam_loss(p, z, q, y).item() == pytest.approx(simsiam_loops(p, z, q, y), abs=1e-12)
    assert simsiam_loss(p, 3 * p, p, 2 * p).item() == pytest.approx(-1)


def test_simsiam_sends_its_gradient_to_the_predictions_alone():
    p, z, q, y = (rows(4, 3, k).requires_grad_() for k in range(4))
    simsiam_loss(p, z, q, y).backward()
    assert z.grad is None and y.grad is None and p.grad.abs().max() > 0 and q.grad.abs().max() > 0
    assert torch.autograd.gradcheck(lambda a, b: simsiam_loss(a, z, b, y), (p, q))


@pytest.mark.parametrize("group", [[0, 1, 2, 3, 4], [0, 1, 0, 2, 1], [0, 0, 0, 0, 0]])
def test_nearest_text_loss_equals_the_loops(group):
    u, n = unit(5), unit(5, seed=1)
    value = nearest_text_loss(u, n, SCALE, torch.tensor(group))
    assert value.item() == pytest.approx(nearest_loops(u, n.tolist(), 4.2, group), abs=1e-12)
    u.requires_grad_()
    assert torch.autograd.gradcheck(lambda a: nearest_text_loss(a, n, SCALE, torch.tensor(group)), (u,))


def test_neighbours_are_constants():
    u, n = unit(3).requires_grad_(), unit(3, seed=1).requires_grad_()
    nearest_text_loss(u, n, SCALE, torch.arange(3)).backward()
    assert n.grad is None and u.grad.abs().max() > 0


def test_the_queue_is_first_in_first_out_and_forgets_history():
    queue, seen = TextQueue(7), []
    for step, n in enumerate((3, 3, 4, 2, 9)):
        x = rows(n, 2, step).requires_grad_()
        ids = torch.arange(n) + 100 * step
        queue.push(x, ids, ids + 1)
        seen += list(zip(x.tolist(), ids.tolist(), strict=True))
        kept = seen[-7:]
        assert queue.features.tolist() == [f for f, _ in kept] and queue.owner.tolist() == [i for _, i in kept]
        assert queue.group.tolist() == [i + 1 for _, i in kept] and not queue.features.requires_grad


def test_a_text_is_never_its_own_neighbour_though_it_lies_in_the_queue():
    queue, x = TextQueue(20), unit(6)
    queue.push(x, torch.arange(6), torch.arange(6))
    queue.push(x, torch.arange(6), torch.arange(6))  # once more, as in a second epoch
    found = queue.nearest(x, torch.arange(6))
    for i, k in enumerate(found.tolist()):
        others = {j: dot(x[i].tolist(), x[j].tolist()) for j in range(6) if j != i}
        assert queue.owner[k].item() == max(others, key=others.get)
    torch.manual_seed(0)
    drawn = torch.stack([queue.random(torch.arange(6)) for _ in range(400)])  # (400, 6)
    owners = queue.owner[drawn]
    assert not (owners == torch.arange(6)).any()
    assert all(set(owners[:, i].tolist()) == set(range(6)) - {i} for i in range(6)), "every other pair is drawn at some time"


def test_a_queue_serves_only_where_every_row_finds_another_pair():
    queue = TextQueue(5)
    assert not queue.serves(torch.tensor([0]))
    queue.push(unit(2), torch.tensor([7, 7]), torch.tensor([0, 0]))
    assert queue.serves(torch.tensor([1, 2])) and not queue.serves(torch.tensor([1, 7]))


def whole_by_loops(a, weights, views, entries):
    """The loss, term by term; entries: (feature, owner, group) of the queue before the batch."""
    images = [a["image_features"], a["other_image_features"]]
    texts = [a["text_features"], a["other_text_features"]]
    pairs = [(u, v) for u in images[: 1 + views] for v in texts[: 1 + views]]
    total = (1 - sum(weights)) * sum(reference.multi_positive(u, v, 4.2, a["group"].tolist()) for u, v in pairs) / len(pairs)
    (p, q), (z, y) = a["predicted"], a["projected"]
    total += weights[0] * simsiam_loops(p, z, q, y) + weights[1] * word_loops(a["word_logits"], a["word_labels"])
    if entries:
        near = 0.0
        for v in texts:
            chosen = []
            for i, x in enumerate(v.tolist()):
                allowed = [e for e in entries if e[1] != a["owner"][i].item()]
                chosen.append(max(allowed, key=lambda e, x=x: dot(x, e[0])))
            near += sum(nearest_loops(u, [e[0] for e in chosen], 4.2, [e[2] for e in chosen]) for u in images)
        total += weights[2] * near / 4
    return total


@pytest.mark.parametrize("weights", [(0.2, 0.2, 0.2), (0.0, 0.3, 0.1), (0.5, 0.0, 0.0), (0.0, 0.0, 0.4)])
@pytest.mark.parametrize("views", [True, False])
def test_the_whole_loss_equals_the_loops_over_three_batches(weights, views):
    loss, entries = DeclipLoss(*weights, views=views, queue=14), []
    for step in range(3):
        a = given(5, 10 * step, torch.tensor([0, 1, 1, 2, 3]) + step, torch.arange(5) + 3 * step)
        assert loss(**a).item() == pytest.approx(whole_by_loops(a, weights, views, entries if weights[2] else []), abs=1e-10)
        for key in ("other_text_features", "text_features"):
            entries += list(zip(a[key].tolist(), a["owner"].tolist(), a["group"].tolist(), strict=True))
        entries = entries[-14:]


def test_without_its_terms_it_is_the_loss_of_clip():
    a = given()
    value = DeclipLoss(0, 0, 0, views=False)(**a)
    torch.testing.assert_close(value, ClipLoss()(a["image_features"], a["text_features"], SCALE))


def test_gradients_of_the_whole_loss_match_finite_differences():
    loss = DeclipLoss()
    loss(**given(4, 50))
    features, owner, group = loss.queue.features, loss.queue.owner, loss.queue.group
    fixed = given(4, owner=torch.arange(4) + 9)
    names = ("image_features", "text_features", "other_image_features", "other_text_features", "logit_scale", "word_logits")

    def value(*inputs):
        loss.queue.features, loss.queue.owner, loss.queue.group = features, owner, group
        return loss(**{**fixed, **dict(zip(names, inputs, strict=True))})

    assert torch.autograd.gradcheck(value, [fixed[n].clone().requires_grad_() for n in names])


def test_parts_sum_up_and_the_queue_is_searched_before_the_batch_enters_it():
    loss = DeclipLoss(queue=50)
    first, second = given(4), given(4, 30, owner=torch.arange(4) + 4)
    assert "neighbour_loss" not in loss(**first, output_dict=True) and loss.found is None
    assert loss.queue.owner.tolist() == [0, 1, 2, 3, 0, 1, 2, 3]
    torch.testing.assert_close(loss.queue.features[4:], first["text_features"])
    parts = loss(**second, output_dict=True)
    assert set(parts) == {"contrastive_loss", "image_loss", "word_loss", "neighbour_loss"}
    assert loss.found.shape == (2, 4) and set(loss.found.flatten().tolist()) <= {0, 1, 2, 3}
    again = DeclipLoss(queue=50)
    again(**first)
    torch.testing.assert_close(sum(parts.values()), again(**second))


def test_random_neighbours_change_the_neighbour_term_alone():
    torch.manual_seed(0)
    first, second = given(8), given(8, 30, owner=torch.arange(8) + 8)
    found = []
    for kind in (DeclipLoss, RandomNeighbourLoss):
        loss = kind()
        loss(**first)
        found.append(loss(**second, output_dict=True))
    assert [k for k in found[0] if found[0][k] != found[1][k]] == ["neighbour_loss"]


def test_no_masked_word_is_no_error():
    a = given() | {"word_logits": torch.zeros(0, 9), "word_labels": torch.zeros(0, dtype=torch.long)}
    assert "word_loss" not in DeclipLoss()(**a, output_dict=True)


def test_what_is_refused():
    with pytest.raises(ValueError, match=r"0\.6, 0\.3, 0\.2"):
        DeclipLoss(0.6, 0.3, 0.2)
    with pytest.raises(ValueError, match="-0.1"):
        DeclipLoss(-0.1)
    with pytest.raises(ValueError, match="size 0"):
        DeclipLoss(queue=0)
    with pytest.raises(ValueError, match=r"owner \(4,\)"):
        DeclipLoss()(**given(5, owner=torch.arange(4)))
    with pytest.raises(ValueError, match=r"\(3, 6\)"):
        DeclipLoss()(**given() | {"other_text_features": unit(3)})
