"""TinyCLIP without its ideas: the channels that a student keeps differ from layer to layer, and affinities are of other pairs."""

import torch

MUTATIONS = {
    "torn-stream": {
        "says": "every parameter keeps channels of its own of the residual stream, and affinities are those of other pairs",
        "replaces": {
            "vlatlas.methods.tinyclip.stream_of": "of_each_parameter",
            "vlatlas.methods.tinyclip.affinity_mimicking": "of_others",
        },
    },
}


def of_each_parameter(original):
    def stream_of(name, kept):
        whole, generator = int(kept.stream.max()) + 1, torch.Generator().manual_seed(sum(map(ord, name)))
        return torch.randperm(whole, generator=generator)[: len(kept.stream)]

    return stream_of


def of_others(original):
    def affinity_mimicking(u, v, scale, tu, tv, teacher_scale):
        return original(u, v, scale, tu.roll(1, dims=0), tv.roll(1, dims=0), teacher_scale)

    return affinity_mimicking
