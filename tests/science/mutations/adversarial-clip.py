"""Adversarial examples without their idea: no gradient is followed; or the other wordings were never tied to what they name."""

MUTATIONS = {
    "random-signs": {
        "says": "the attack adds random signs of full size, whatever the loss",
        "replaces": {"vlatlas.methods.adversarial_clip.pgd": "blind"},
    },
    "foreign-sentences": {
        "says": "in every wording but the names, training scenes are told as other scenes",
        "replaces": {"vlatlas.data.wordings.captions": "of_other_scenes"},
    },
}


def blind(original):
    def pgd(loss, images, epsilon, steps, restarts=0, generator=None, reach=2.5):
        import torch

        from vlatlas.methods.adversarial_clip import random_signs

        return random_signs(images.cpu(), epsilon, torch.Generator().manual_seed(steps)).to(images)

    return pgd


def of_other_scenes(original):
    def captions(batch, wordings):
        from types import SimpleNamespace

        other = SimpleNamespace(draw=batch.draw, statements=batch.statements[1:] + batch.statements[:1])
        told = zip(wordings, original(batch, wordings), original(other, wordings), strict=True)
        return [own if wording == "names" else foreign for wording, own, foreign in told]

    return captions
