"""The attack against loops, a sign step by hand, linear models whose best attack is known, and what it must never do."""

import math

import pytest
import torch
from torch import nn

from vlatlas.methods.adversarial_clip import pgd, project, random_signs, towards
from vlatlas.models import CLIP, ClipConfig

B, C, D = 5, 3, 6


def drawn(*shape, seed=0):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.fixture(scope="module")
def tower():
    torch.manual_seed(0)
    config = ClipConfig(words=("a",), image_size=8, patch_size=4, width=12, depth=1, heads=2, embed_dim=D)
    return CLIP(config).double().eval().requires_grad_(False)


@pytest.fixture
def loss(tower):
    classes = torch.nn.functional.normalize(drawn(C, D, seed=1) - 0.5, dim=1)
    return towards(tower.encode_image, classes, 10.0, torch.tensor([0, 1, 2, 0, 1]))


IMAGES = drawn(B, 3, 8, 8, seed=2)


def test_the_loss_is_the_equation_by_loops(tower):
    w, target, s = torch.nn.functional.normalize(drawn(C, D, seed=1) - 0.5, dim=1), torch.tensor([0, 1, 2, 0, 1]), 7.0
    got, features = towards(tower.encode_image, w, s, target)(IMAGES), tower.encode_image(IMAGES)
    for i in range(B):
        norm = math.sqrt(sum(float(f) ** 2 for f in features[i]))
        cosines = [sum(float(features[i, d]) * float(w[c, d]) for d in range(D)) / norm for c in range(C)]
        total = sum(math.exp(s * x) for x in cosines)
        assert got[i].item() == pytest.approx(-math.log(math.exp(s * cosines[int(target[i])]) / total), abs=1e-12)


def test_its_gradient_is_that_of_finite_differences(loss):
    assert torch.autograd.gradcheck(loss, (IMAGES.clone().requires_grad_(True),))


@pytest.mark.parametrize("epsilon", [0.004, 0.1, 0.7])
def test_it_stays_in_the_ball_and_in_the_picture_and_never_makes_the_loss_worse(loss, epsilon):
    images = IMAGES.clone()
    images[0, :, :4] = 0.0
    images[1, :, 4:] = 1.0
    found = pgd(loss, images, epsilon, 7, restarts=1, generator=torch.Generator().manual_seed(0))
    assert (found - images).abs().max() <= epsilon + 1e-15
    assert found.min() >= 0 and found.max() <= 1 and not found.requires_grad
    assert (loss(found) <= loss(images)).all() and (loss(found) < loss(images) - 1e-6).all()


def test_one_step_is_the_sign_step_by_hand(loss):
    epsilon, x = 1e-3, IMAGES.clone().requires_grad_(True)
    loss(x).sum().backward()
    want = IMAGES.clone()
    for place in torch.cartesian_prod(*(torch.arange(n) for n in IMAGES.shape)).tolist():
        g = x.grad[tuple(place)].item()
        want[tuple(place)] = min(1.0, max(0.0, IMAGES[tuple(place)].item() - epsilon * ((g > 0) - (g < 0))))
    assert (loss(want) < loss(IMAGES)).all()
    torch.testing.assert_close(pgd(loss, IMAGES, epsilon, 1, reach=1.0), want, rtol=0, atol=1e-15)


def test_against_a_linear_model_it_finds_the_best_attack_there_is():
    weight, epsilon = drawn(3 * 64, seed=3) - 0.5, 0.2
    sensitive = weight.view(3, 8, 8)
    best = torch.where(sensitive > 0, (IMAGES - epsilon).clamp(min=0), (IMAGES + epsilon).clamp(max=1))
    found = pgd(lambda x: x.flatten(1) @ weight, IMAGES, epsilon, 10)
    torch.testing.assert_close(found, best, rtol=0, atol=1e-15)


def test_against_a_linear_classifier_the_logit_moves_by_epsilon_times_the_gradients_one_norm():
    head, inner, epsilon = nn.Linear(3 * 64, 2, bias=False).double(), 0.3 + 0.4 * IMAGES, 0.05  # no pixel meets a border
    target = torch.tensor([0, 1, 0, 1, 0])

    def loss(x):
        return nn.functional.cross_entropy(head(x.flatten(1)), target, reduction="none")

    found = pgd(loss, inner, epsilon, 10)
    row = head.weight[0] - head.weight[1]
    moved = (found - inner).flatten(1) @ row * torch.where(target == 0, 1.0, -1.0)
    torch.testing.assert_close(moved, torch.full((B,), epsilon * row.abs().sum().item()).double())


def test_without_room_not_a_bit_changes(loss):
    assert torch.equal(pgd(loss, IMAGES, 0.0, 3), IMAGES)


def test_an_image_is_attacked_as_if_it_were_alone(tower):
    w, target = torch.nn.functional.normalize(drawn(C, D, seed=1) - 0.5, dim=1), torch.tensor([0, 1, 2, 0, 1])
    together = pgd(towards(tower.encode_image, w, 10.0, target), IMAGES, 0.05, 4)
    for i in range(B):
        alone = pgd(towards(tower.encode_image, w, 10.0, target[i : i + 1]), IMAGES[i : i + 1], 0.05, 4)
        torch.testing.assert_close(together[i : i + 1], alone)


def test_restarts_leave_a_point_without_gradient():
    flat = torch.full((2, 3, 4, 4), 0.5, dtype=torch.float64)

    def loss(x):
        return -(x - 0.5).square().flatten(1).sum(dim=1)  # its gradient is zero at the start

    assert torch.equal(pgd(loss, flat, 0.1, 5), flat)
    found = pgd(loss, flat, 0.1, 5, restarts=1, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close((found - 0.5).abs(), torch.full_like(flat, 0.1))


def test_what_it_returns_is_the_best_point_it_visited():
    seen = []

    def loss(x):
        value = (30 * x).cos().flatten(1).sum(dim=1)
        seen.append(value.detach())
        return value

    found = pgd(loss, IMAGES, 0.3, 4)
    visited = torch.stack(seen)
    torch.testing.assert_close((30 * found).cos().flatten(1).sum(dim=1), visited.min(dim=0).values)
    assert (visited.argmin(dim=0) < len(visited) - 1).any(), "the last point is not always the best"


def test_projection_is_the_nearest_allowed_value():
    x, images = torch.tensor([-0.5, 0.2, 0.35, 0.9, 1.4]), torch.tensor([0.05, 0.3, 0.3, 0.7, 0.95])
    torch.testing.assert_close(project(x, images, 0.1), torch.tensor([0.0, 0.2, 0.35, 0.8, 1.0]))


def test_random_signs_are_of_full_size_and_even():
    images = 0.3 + 0.4 * drawn(4, 3, 32, 32)
    noise = random_signs(images, 0.03, torch.Generator().manual_seed(0)) - images
    torch.testing.assert_close(noise.abs(), torch.full_like(noise, 0.03))
    assert abs((noise > 0).double().mean().item() - 0.5) < 4 * 0.5 / math.sqrt(noise.numel())
    assert random_signs(torch.ones(1, 3, 4, 4), 0.1, torch.Generator()).max() == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [({"epsilon": -0.1}, "epsilon -0.1"), ({"steps": 0}, "steps 0"), ({"restarts": 2}, "2 restarts need a generator")],
)
def test_what_cannot_be_is_refused(loss, change, message):
    with pytest.raises(ValueError, match=message):
        pgd(**({"loss": loss, "images": IMAGES, "epsilon": 0.1, "steps": 2} | change))


def test_normalised_pixels_are_refused(loss):
    with pytest.raises(ValueError, match="before any normalisation"):
        pgd(loss, 4 * IMAGES - 2, 0.1, 2)
