"""CLIP-Adapter without its idea: nothing of the frozen feature is blended in."""

MUTATIONS = {
    "no-blend": {
        "says": "whatever the residual ratio, the adapted feature is the adapter's output alone",
        "replaces": {"vlatlas.methods.clip_adapter.ClipAdapter.adapted": "alone"},
    },
}


def alone(original):
    def adapted(self, features):
        import torch.nn.functional as F

        return F.normalize(F.relu(self.up(F.relu(self.down(features)))), dim=-1)

    return adapted
