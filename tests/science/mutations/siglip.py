"""SigLIP without its idea: its loss normalises over the whole batch, as CLIP's softmax does."""

MUTATIONS = {
    "softmax-after-all": {
        "says": "the sigmoid loss is a softmax over the whole matrix, from the same initial scale and bias",
        "replaces": {"vlatlas.losses.siglip.SigLipLoss.forward": "softmax"},
    },
}


def softmax(original):
    def forward(self, image_features, text_features, logit_scale, logit_bias=None, output_dict=False):
        from vlatlas.losses import ClipLoss

        whole = ClipLoss(tile=None)  # a softmax needs all its rival texts at once
        return whole(image_features, text_features, logit_scale, logit_bias, output_dict)

    return forward
