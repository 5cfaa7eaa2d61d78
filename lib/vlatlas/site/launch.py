"""Notebooks that run on Colab and Binder: copies whose first cell fetches and installs what they need.

The stored notebooks stay as they are, since records are tied to them. The copies are made with the site, in
data/launch/; the publishing workflow pushes that folder to the branch `notebooks`, where the launch buttons point.
"""

import json
from pathlib import Path

from .publishing import repository
from .state import atlas, slug_of

FOLDER = "data/launch"
BRANCH = "notebooks"
CELL = """\
# Fetches the atlas and installs what this notebook needs (a few minutes); does nothing where vlatlas is installed already.
import importlib, importlib.util, os, subprocess, sys

if importlib.util.find_spec("vlatlas") is None:
    address, version, folder = {address}, {version}, os.path.abspath("vlatlas-source")
    for command in (
        ["git", "init", "--quiet", folder],
        ["git", "-C", folder, "fetch", "--quiet", "--depth", "1", address, version],
        ["git", "-C", folder, "checkout", "--quiet", "--force", "FETCH_HEAD"],
        [sys.executable, "-m", "pip", "install", "--quiet", folder],
    ):
        subprocess.run(command, check=True)
    os.environ["VLATLAS_ROOT"] = folder   # where the claims and the records stand
    importlib.invalidate_caches()
"""


def launchable(notebook: dict, address: str, version: str) -> dict:
    """The notebook without outputs, with a first cell that installs `version` (a branch or commit) from `address`."""
    source = CELL.format(address=json.dumps(address), version=json.dumps(version))
    first = {"cell_type": "code", "id": "install", "metadata": {"tags": ["hide-input"]}, "source": source,
             "outputs": [], "execution_count": None}  # fmt: skip
    bare = [c | {"outputs": [], "execution_count": None} if c["cell_type"] == "code" else c for c in notebook["cells"]]
    return notebook | {"cells": [first, *bare]}


def addresses(address: str, slug: str) -> list[tuple[str, str]]:
    """(name, address) of the services that open a paper's copy. Colab knows GitHub alone.

    Raises:
        ValueError: the address has no owner and name at its end.
    """
    parts = address.removeprefix("https://").split("/")
    if len(parts) < 3:
        raise ValueError(f"the repository's address {address!r} should end in /owner/name")
    host, path = parts[0], "/".join(parts[1:])
    if host != "github.com":
        return []
    return [
        ("Colab", f"https://colab.research.google.com/github/{path}/blob/{BRANCH}/{slug}.ipynb"),
        ("Binder", f"https://mybinder.org/v2/gh/{path}/{BRANCH}?urlpath=lab/tree/{slug}.ipynb"),
    ]


def buttons(app, pagename: str, templatename: str, context: dict, doctree) -> None:
    """The theme's group of launch buttons, on the notebook pages of a site whose repository is known."""
    slug, (address, _) = slug_of(pagename), repository(app.config)
    links = addresses(address, slug) if slug and address and pagename.endswith("/reproduce") else []
    icons = {"Colab": "_static/images/logo_colab.png", "Binder": "_static/images/logo_binder.svg"}
    entries = [
        {"type": "link", "text": name, "tooltip": f"Launch on {name}", "icon": icons[name], "url": url} for name, url in links
    ]
    if entries:
        group = {"type": "group", "tooltip": "Run this notebook elsewhere", "icon": "fas fa-rocket", "buttons": entries}
        context["header_buttons"].append(group | {"label": "launch-buttons"})


def write(app, exception) -> None:
    """Write the copies, and what Binder needs beside them, after an HTML build that succeeded with a known repository."""
    address, version = repository(app.config)
    if exception or app.builder.format != "html" or not address:
        return
    folder = Path(app.outdir) / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    for paper in (p for p in atlas(app).papers.values() if p.notebook.is_file()):
        copy = launchable(json.loads(paper.notebook.read_text(encoding="utf-8")), address, version)
        (folder / f"{paper.slug}.ipynb").write_text(json.dumps(copy, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    (folder / "runtime.txt").write_text("python-3.11\n")
    (folder / "README.md").write_text(
        f"Copies of the notebooks of {address} (version {version}) for Colab and Binder: the first cell installs what they\n"
        "need. Made with the site; changes belong into the stored notebooks.\n", encoding="utf-8"
    )  # fmt: skip
