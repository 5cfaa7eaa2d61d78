"""Show and Tell without its idea: no image reaches the first step."""

MUTATIONS = {
    "no-image": {
        "says": "the image's vector is replaced by zeros, in training and in the test",
        "replaces": {"vlatlas.methods.show_and_tell.ShowAndTell._seen": "nothing"},
    },
}
INDEPENDENT = {"beam": "it compares two ways to search for a likely sentence, whatever the sentence is conditioned on"}


def nothing(original):
    def _seen(self, u):
        return original(self, u.new_zeros(u.shape))

    return _seen
