"""Tip-Adapter without its idea: the cache holds the labelled images, but each under another one's label."""

MUTATIONS = {
    "foreign-labels": {
        "says": "the values of the cache are dealt anew among its keys",
        "replaces": {"vlatlas.methods.tip_adapter.TipAdapter.__init__": "dealt_anew"},
    },
}


def dealt_anew(original):
    def __init__(self, keys, labels, w, scale, alpha=1.0, beta=5.5):
        import torch

        order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(len(labels)))
        original(self, keys, labels[order], w, scale, alpha, beta)

    return __init__
