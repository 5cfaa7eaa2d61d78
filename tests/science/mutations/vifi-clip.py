"""ViFi-CLIP without its idea: the towers learn nothing from videos."""

MUTATIONS = {
    "frozen-towers": {
        "says": "no gradient reaches image tower or text tower; only the logit scale and a module for time learn",
        "replaces": {
            "vlatlas.methods.vifi_clip.ViFiClip.encode_frames": "without_gradient",
            "vlatlas.methods.vifi_clip.ViFiClip.encode_classes": "without_gradient_either",
        },
    },
}


def without_gradient(original):
    def encode_frames(self, x):
        return original(self, x).detach()

    return encode_frames


def without_gradient_either(original):
    def encode_classes(self, ids):
        return original(self, ids).detach()

    return encode_classes
