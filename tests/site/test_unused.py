"""What the site's builder leaves out is neither loaded nor missed, and says so to whoever asks for it."""

import json
import subprocess
import sys

LOADED = """
import json, sys
from vlatlas.site import unused
unused.leave_out()
import myst_nb.sphinx_ext, pydata_sphinx_theme, sphinx.transforms.post_transforms.images, sphinx.search.en, myst_nb.core.lexers
out = {"loaded": sorted(sys.modules)}
from bs4 import BeautifulSoup
out["used"] = [name in sys.modules for name in ("soupsieve.css_parser", "asyncio.events")]
out["selected"] = BeautifulSoup("<p class='a'>b</p>", "html.parser").select_one("p.a").text
import asyncio
out["used"] += [name in sys.modules for name in ("soupsieve.css_parser", "asyncio.events")]
asyncio.run(asyncio.sleep(0))
out["used"].append("asyncio.events" in sys.modules)
stem = sys.modules["snowballstemmer"].stemmer("porter")
out["stems"] = [stem.stemWord(word) for word in ("contrastive", "embeddings", "retrieval")]
out["said"] = []
from myst_nb.core.execute import NotebookClientCache
from sphinx.util import requests
import pydata_sphinx_theme as theme
for call in (lambda: NotebookClientCache(None, None), lambda: requests.get("x"), lambda: theme.requests.get("x", timeout=1)):
    try:
        call()
    except RuntimeError as error:
        out["said"].append(str(error))
print(json.dumps(out))
"""


def test_what_is_left_out_is_not_loaded_and_refuses_while_what_is_asked_for_comes():
    ran = subprocess.run([sys.executable, "-c", LOADED], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    out = json.loads(ran.stdout.splitlines()[-1])
    for name in ("sqlalchemy", "jupyter_cache", "nbclient", "IPython.core", "urllib3", "snowballstemmer.tamil_stemmer"):
        assert name not in out["loaded"]
    assert "IPython.lib.lexers" in out["loaded"], "what lies inside a module that is left out is still found"
    assert out["selected"] == "b" and out["used"] == [False, False, True, False, True]
    assert "vlatlas reproduce" in out["said"][0]
    assert all("fetches nothing" in line for line in out["said"][1:]) and len(out["said"]) == 3


def test_stems_are_those_of_the_whole_package():
    ask = (
        "import snowballstemmer as s; print([s.stemmer('porter').stemWord(w) for w in ('contrastive', 'embeddings', 'running')])"
    )
    left_out = "from vlatlas.site import unused; unused.only_english(); "
    whole, part = (subprocess.run([sys.executable, "-c", code], capture_output=True).stdout for code in (ask, left_out + ask))
    assert whole == part and b"contrast" in whole


def test_a_module_that_is_loaded_already_stays():
    code = (
        "import sys, requests, asyncio; from vlatlas.site import unused\n"
        "unused.no_network(); unused.on_first_use('asyncio', 'no_such_module')\n"
        "assert requests.Session().get and type(sys.modules['asyncio']).__name__ == 'module'\n"
        "assert 'no_such_module' not in sys.modules; print('fine')"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ran.stdout == "fine\n", ran.stderr
