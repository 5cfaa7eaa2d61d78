"""The fixed words of the atlas, in the order in which readers meet them."""

FAMILIES = (
    "foundations", "loss", "training", "data", "distillation", "architecture", "interpretability",
    "adaptation",
    "retrieval", "detection", "segmentation", "captioning", "generation", "video", "modalities", "robustness",
    "fusion", "vlm",
)  # fmt: skip
PROFILES = ("smoke", "cpu", "gpu", "full")
JUDGED_PROFILES = ("cpu", "gpu", "full")  # smoke proves that a notebook runs; it judges nothing
HEADLINE_ORDER = ("full", "gpu", "cpu")  # whose record speaks for a paper
STATUSES = ("planned", "notes", "notebook")

REPRODUCED = "reproduced"
DIRECTION = "direction only"
NOT_REPRODUCED = "not reproduced"
NOT_TESTABLE = "not testable here"
PARTLY = "partly reproduced"  # of a paper only
CLAIM_VERDICTS = (REPRODUCED, DIRECTION, NOT_REPRODUCED, NOT_TESTABLE)
PAPER_VERDICTS = (REPRODUCED, PARTLY, NOT_REPRODUCED)

SECTIONS = ("Problem", "Idea", "Method", "What the paper shows", "What we reproduce", "Verdict", "Limits",
            "Connections", "Sources")  # fmt: skip

SLUG = r"^[a-z0-9][a-z0-9.-]*$"
IDENTIFIER = r"^[a-z][a-z0-9-]*$"
METRIC = r"^[A-Za-z_][A-Za-z0-9_]*$"
RESERVED = ("profile", "seeds", "device")  # parameters of every notebook
