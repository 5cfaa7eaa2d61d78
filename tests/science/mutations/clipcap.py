"""ClipCap without its idea: the prefix does not know the image."""

MUTATIONS = {
    "same-prefix": {
        "says": "every image of a batch gets the prefix of the batch's mean embedding",
        "replaces": {
            "vlatlas.methods.clipcap.TransformerMapper.forward": "mean_first",
            "vlatlas.methods.clipcap.MLPMapper.forward": "mean_first",
        },
    },
}


def mean_first(original):
    def forward(self, u):
        return original(self, u.mean(dim=0, keepdim=True).expand_as(u))

    return forward
