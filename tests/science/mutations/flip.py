"""FLIP without its idea: no patch is ever dropped, so nothing is saved and nothing is left to unmask."""

MUTATIONS = {
    "no-patch-is-dropped": {
        "says": "patch dropout lets every patch through, at every mask ratio",
        "replaces": {"vlatlas.models.patch_dropout.PatchDropout.draw": "keep_all"},
    },
}


def keep_all(original):
    def draw(self, images, patches, device=None):
        return None

    return draw
