"""{model-cards}: the shipped checkpoints, from their cards."""

import json
from pathlib import Path

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

from .parts import paragraph, table

CHECKPOINTS = Path(__file__).parent.parent / "models" / "checkpoints"
FACTS = (
    "data", "starts_from", "seed", "steps", "pairs", "batch_size", "lr", "parameters", "torch", "licence", "command", "sha256",
)  # fmt: skip


class ModelCards(SphinxDirective):
    """One section per checkpoint: what it was trained on and how, and its measured numbers."""

    def run(self):
        out = []
        for path in sorted(CHECKPOINTS.glob("*.json"), key=lambda path: path.stem):
            self.env.note_dependency(str(path))
            card = json.loads(path.read_text(encoding="utf-8"))
            out.append(nodes.rubric("", card["name"]))
            facts = [[name, _value(name, str(card[name]))] for name in FACTS if name in card]
            world = ", ".join(f"{k} {v}" for k, v in card["world"].items())
            out.append(table(["fact", "value"], [*facts, ["world", world]]))
            out.append(paragraph("Measured on scenes of other seeds than training:"))
            out.append(table(["metric", "value"], [[k, f"{v:g}"] for k, v in card["metrics"].items()]))
        return out


def _value(name: str, value: str):
    """What one types, and what is longer than a line, as code."""
    return nodes.literal("", value) if name in ("command", "sha256") else value
