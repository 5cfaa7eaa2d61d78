"""ReCLIP without its ideas: every relation holds between any two boxes; no view singles a proposal out; or both."""

MUTATIONS = {
    "no-geometry": {
        "says": "any box stands in any relation to any other",
        "replaces": {"vlatlas.methods.reclip.related": "anything"},
    },
    "no-isolation": {
        "says": "every view of every proposal is the whole image",
        "replaces": {"vlatlas.methods.reclip.isolate": "unmoved"},
    },
    "neither": {
        "says": "every view of every proposal is the whole image, and any box stands in any relation to any other",
        "replaces": {"vlatlas.methods.reclip.related": "anything", "vlatlas.methods.reclip.isolate": "unmoved"},
    },
}
INDEPENDENT = {"spatial": "it is a measurement of CLIP on pairs of sentences, in which neither views nor rules take part"}


def anything(original):
    def related(boxes, relation):
        import torch

        return ~torch.eye(len(boxes), dtype=torch.bool)

    return related


def unmoved(original):
    def isolate(images, boxes, how, size, radius=6):
        return original(images, boxes, "whole", size, radius)

    return isolate
