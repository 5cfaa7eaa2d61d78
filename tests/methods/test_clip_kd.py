"""Each signal against loops in plain Python, its gradients against finite differences, and what sets the signals apart."""

import math

import pytest
import torch
import torch.nn.functional as F

from vlatlas.losses.clip import clip_loss
from vlatlas.methods.clip_kd import (
    TERMS,
    DistillationLoss,
    DistilledStudent,
    contrast,
    contrast_gradients,
    feature_distance,
    gradient_distance,
    interactive_contrast,
    relation_divergence,
    targets,
)
from vlatlas.models import CLIP, ClipConfig
from vlatlas.train import TrainConfig, train

GROUP = torch.tensor([3, 0, 3, 1, 7])
SCALE, CROSS, TEACHER_SCALE = torch.tensor(4.0, dtype=torch.float64), torch.tensor(6.0, dtype=torch.float64), 9.0


def unit(seed, n=5, d=4):
    g = torch.Generator().manual_seed(seed)
    return F.normalize(torch.randn(n, d, generator=g, dtype=torch.float64), dim=1)


U, V, TU, TV = (unit(k) for k in range(4))


def dot(a, b):
    return sum(x * y for x, y in zip(a.tolist(), b.tolist(), strict=True))


def shares(group):
    return [[(a == b) / group.tolist().count(a) for b in group.tolist()] for a in group.tolist()]


def softmax(row):
    total = sum(math.exp(x) for x in row)
    return [math.exp(x) / total for x in row]


def rows(a, b, scale):
    """p[i][j], the softmax over j of scale a_i . b_j."""
    return [softmax([scale * dot(x, y) for y in b]) for x in a]


def cross_entropy(p, q):
    return -sum(w * math.log(x) for r, s in zip(p, q, strict=True) for x, w in zip(r, s, strict=True)) / len(p)


def test_targets_share_one_among_equal_captions():
    assert targets(GROUP).tolist() == shares(GROUP) and torch.equal(targets(torch.arange(4)), torch.eye(4, dtype=torch.float64))


@pytest.mark.parametrize("group", [GROUP, torch.arange(5)])
def test_contrast_is_the_sum_in_loops_and_clips_loss_where_no_captions_repeat(group):
    q = shares(group)
    want = (cross_entropy(rows(U, V, 4.0), q) + cross_entropy(rows(V, U, 4.0), q)) / 2
    got = contrast(U, V, SCALE, targets(group))
    assert got.item() == pytest.approx(want, rel=1e-12)
    if len(group.unique()) == 5:
        torch.testing.assert_close(got, clip_loss(U, V, SCALE))


def test_feature_distance_is_the_sum_in_loops_and_two_minus_two_cosines():
    squares = sum(
        (a - b) ** 2 for s, t in ((U, TU), (V, TV)) for a, b in zip(s.flatten().tolist(), t.flatten().tolist(), strict=True)
    )
    assert feature_distance(U, V, TU, TV).item() == pytest.approx(squares / 5, rel=1e-12)
    cosines = sum(dot(a, b) for s, t in ((U, TU), (V, TV)) for a, b in zip(s, t, strict=True)) / 5
    assert feature_distance(U, V, TU, TV).item() == pytest.approx(4 - 2 * cosines, rel=1e-12)


def test_relation_divergence_is_the_sum_in_loops():
    want = 0.0
    for a, b, ta, tb in ((U, V, TU, TV), (V, U, TV, TU)):
        student, teacher = rows(a, b, 4.0), rows(ta, tb, TEACHER_SCALE)
        want += sum(t * math.log(t / s) for r, w in zip(student, teacher, strict=True) for s, t in zip(r, w, strict=True)) / 10
    assert relation_divergence(U, V, SCALE, TU, TV, TEACHER_SCALE).item() == pytest.approx(want, rel=1e-12)
    assert relation_divergence(U, V, SCALE, U, V, 4.0).item() == pytest.approx(0, abs=1e-14)


def test_interactive_contrast_is_the_sum_in_loops_and_clips_loss_of_a_student_that_is_its_teacher():
    q = shares(GROUP)
    want = (cross_entropy(rows(U, TV, 6.0), q) + cross_entropy(rows(V, TU, 6.0), q)) / 2
    assert interactive_contrast(U, V, TU, TV, CROSS, targets(GROUP)).item() == pytest.approx(want, rel=1e-12)
    torch.testing.assert_close(interactive_contrast(U, V, U, V, CROSS, targets(GROUP)), contrast(U, V, CROSS, targets(GROUP)))


@pytest.mark.parametrize("group", [GROUP, torch.arange(5)])
def test_closed_gradients_are_those_of_autograd(group):
    a, b = U.clone().requires_grad_(), V.clone().requires_grad_()
    loss = -(targets(group) * (4.0 * a @ b.T).log_softmax(dim=1)).sum()
    for got, want in zip(contrast_gradients(U, V, 4.0, targets(group)), torch.autograd.grad(loss, (a, b)), strict=True):
        torch.testing.assert_close(got, want)


def test_gradient_distance_is_that_of_four_gradients_by_finite_differences():
    q, h = shares(GROUP), 1e-6

    def numeric(a, b, scale):
        found = []
        for k in (0, 1):
            pair, grid = [a, b], torch.zeros(5, 4, dtype=torch.float64)
            for i in range(5):
                for d in range(4):
                    ends = []
                    for sign in (h, -h):
                        moved = [x.clone() for x in pair]
                        moved[k][i, d] += sign
                        ends.append(5 * cross_entropy(rows(*moved, scale), q))
                    grid[i, d] = (ends[0] - ends[1]) / (2 * h)
            found.append(grid)
        return found

    student = numeric(U, V, 4.0) + numeric(V, U, 4.0)
    teacher = numeric(TU, TV, TEACHER_SCALE) + numeric(TV, TU, TEACHER_SCALE)
    want = sum((s - t).square().sum().item() for s, t in zip(student, teacher, strict=True)) / 5
    assert gradient_distance(U, V, SCALE, TU, TV, TEACHER_SCALE, targets(GROUP)).item() == pytest.approx(want, rel=1e-6)
    assert gradient_distance(U, V, SCALE, U, V, 4.0, targets(GROUP)).item() == 0


@pytest.mark.parametrize("term", TERMS)
def test_gradients_of_every_term_are_those_of_finite_differences(term):
    loss = DistillationLoss({term: 0.7}, TEACHER_SCALE)
    inputs = tuple(x.clone().requires_grad_() for x in (U, V, SCALE, CROSS, unit(8)))

    def run(u, v, s, cross, extra):
        fused = (F.normalize(u + extra, dim=1), F.normalize(v - extra, dim=1), cross)
        return loss(u, v, s, TU, TV, cross, GROUP, fused)

    assert torch.autograd.gradcheck(run, inputs)


def test_relations_and_gradients_do_not_see_a_rotation_of_the_students_space_and_features_do():
    turn = torch.linalg.qr(torch.randn(4, 4, generator=torch.Generator().manual_seed(9), dtype=torch.float64)).Q
    q = targets(GROUP)
    crd = [relation_divergence(u, v, SCALE, TU, TV, TEACHER_SCALE) for u, v in ((U, V), (U @ turn, V @ turn))]
    torch.testing.assert_close(*crd)
    fd = [feature_distance(u, v, TU, TV).item() for u, v in ((TU, TV), (TU @ turn, TV @ turn))]
    icl = [interactive_contrast(u, v, TU, TV, CROSS, q).item() for u, v in ((TU, TV), (TU @ turn, TV @ turn))]
    assert fd[0] == 0 and fd[1] > 0.5 and abs(icl[0] - icl[1]) > 0.1
    for a, b in zip(contrast_gradients(U, V, 4.0, q), contrast_gradients(U @ turn, V @ turn, 4.0, q), strict=True):
        torch.testing.assert_close(a @ turn, b)  # gradients turn with the space, so GD does see it
    assert gradient_distance(TU @ turn, TV @ turn, SCALE, TU, TV, 4.0, q) > 0.1


def student(**how):
    torch.manual_seed(0)
    sizes = dict(image_size=8, patch_size=4, width=8, depth=1, heads=1, text_width=8, text_depth=1, text_heads=1, embed_dim=4)
    return DistilledStudent(CLIP(ClipConfig(words=tuple("abcdef"), context=4, **sizes)), **how)


def test_what_fuses_is_drawn_without_touching_the_student_or_the_order_of_random_numbers():
    plain, after = student(), torch.rand(1)
    fused, after_fused = student(fuse=True), torch.rand(1)
    assert torch.equal(after, after_fused)
    assert all(torch.equal(p, q) for p, q in zip(plain.clip.parameters(), fused.clip.parameters(), strict=True))
    assert "fused" not in plain(torch.rand(5, 3, 8, 8), plain.clip.tokenizer(list("abcde")), TU.float(), TV.float())


def test_fused_features_are_a_linear_map_of_student_and_teacher_side_by_side():
    model = student(fuse=True).double()
    out = model(torch.rand(5, 3, 8, 8).double(), model.clip.tokenizer(list("abcde")), TU, TV)
    parts = ((out["image_features"], TU), (out["text_features"], TV))
    for k, (own, teacher) in enumerate(parts):
        for i in range(5):
            both = own[i].tolist() + teacher[i].tolist()
            z = [sum(w * x for w, x in zip(r, both, strict=True)) + b
                 for r, b in zip(model.fusion[k].weight.tolist(), model.fusion[k].bias.tolist(), strict=True)]  # fmt: skip
            length = math.sqrt(sum(x * x for x in z))
            assert out["fused"][k][i].tolist() == pytest.approx([x / length for x in z], rel=1e-9)
    loss = DistillationLoss({"afd": 0.5}, TEACHER_SCALE)(**out, group=GROUP)
    whole = contrast(*(out[k] for k in ("image_features", "text_features", "logit_scale")), targets(GROUP))
    torch.testing.assert_close(loss, whole + 0.5 * contrast(*out["fused"], targets(GROUP)))


def test_the_loss_is_clips_and_the_weighted_terms():
    q = targets(GROUP)
    parts = {
        "fd": feature_distance(U, V, TU, TV),
        "crd": relation_divergence(U, V, SCALE, TU, TV, TEACHER_SCALE),
        "icl": interactive_contrast(U, V, TU, TV, CROSS, q),
        "gd": gradient_distance(U, V, SCALE, TU, TV, TEACHER_SCALE, q),
    }
    weights = {"fd": 2.0, "crd": 0.5, "icl": 3.0, "gd": 0.1}
    for chosen in ((), ("fd",), ("fd", "icl", "crd"), tuple(weights)):
        loss = DistillationLoss({k: weights[k] for k in chosen}, TEACHER_SCALE)(U, V, SCALE, TU, TV, CROSS, GROUP)
        torch.testing.assert_close(loss, contrast(U, V, SCALE, q) + sum(weights[k] * parts[k] for k in chosen))


def test_what_cannot_be_is_refused():
    for weights in ({"kd": 1.0}, {"fd": -1.0}):
        with pytest.raises(ValueError, match="terms are crd, fd, icl, gd, afd"):
            DistillationLoss(weights, 1.0)
    with pytest.raises(ValueError, match="fuse=True"):
        DistillationLoss({"afd": 1.0}, 1.0)(U, V, SCALE, TU, TV, CROSS, GROUP)
    with pytest.raises(ValueError, match="features of shapes"):
        DistillationLoss({"fd": 1.0}, 1.0)(U, V, SCALE, TU[:, :3], TV, CROSS, GROUP)


@pytest.mark.parametrize("term", ["fd", "icl"])
def test_features_and_interaction_bring_a_student_to_its_teacher_and_relations_leave_it_elsewhere(term):
    """Trained on five pairs towards a teacher whose images and texts agree, the student comes to lie where the teacher does by
    terms that tie the spaces, and not by CRD."""
    near = F.normalize(TU + 0.2 * TV, dim=1)  # the teacher's texts
    cosine = {}
    for name in (term, "crd"):
        model = student()
        images, ids = torch.rand(5, 3, 8, 8, generator=torch.Generator().manual_seed(1)), model.clip.tokenizer(list("abcde"))
        batch = (images, ids, TU.float(), near.float(), {"group": torch.arange(5)})
        loss, config = DistillationLoss({name: 4.0}, 9.0), TrainConfig(150, 5, 3e-2)
        train(model, lambda step, b=batch: b, loss, config, "cpu", progress=False)
        out = model.eval()(*batch[:-1])
        cosine[name] = sum((out[f"{k}_features"] * out[f"teacher_{k}"]).sum().item() for k in ("image", "text")) / 10
    assert cosine[term] > 0.6 and cosine[term] > cosine["crd"] + 0.2
