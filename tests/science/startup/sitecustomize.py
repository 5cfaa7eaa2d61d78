"""Python runs this at its start when `run.py` has put this folder on PYTHONPATH: it takes a paper's idea away.

Only the kernel of a mutated run sees it. Nothing in the library knows that mutations exist.
"""

import importlib
import importlib.util
import os
import sys


def resolve(dotted: str):
    """The owner (module or class) and the name of an object of the library."""
    parts = dotted.split(".")
    for cut in range(len(parts) - 1, 0, -1):
        name = ".".join(parts[:cut])
        try:
            found = importlib.util.find_spec(name)
        except ModuleNotFoundError:
            continue
        if found is not None:
            owner = importlib.import_module(name)
            for part in parts[cut:-1]:
                owner = getattr(owner, part)
            return owner, parts[-1]
    raise ImportError(f"{dotted} is not there")


def replace(dotted: str, make) -> None:
    """Put make(original) in the place of an object, also where a module has it by another import."""
    owner, name = resolve(dotted)
    original = owner.__dict__[name]  # not getattr: a staticmethod stays one
    mutant = make(original)
    setattr(owner, name, mutant)
    for module in [m for n, m in sys.modules.items() if n.split(".")[0] == "vlatlas"]:
        for key, value in list(vars(module).items()):
            if value is original:
                setattr(module, key, mutant)


def main(file: str, name: str) -> None:
    """Apply one mutation of one file."""
    spec = importlib.util.spec_from_file_location("mutation", file)
    module = importlib.util.module_from_spec(spec)
    sys.modules["mutation"] = module  # so that a notebook can print the source of what replaces an object
    spec.loader.exec_module(module)
    for dotted, function in module.MUTATIONS[name]["replaces"].items():
        replace(dotted, getattr(module, function))


if os.environ.get("VLATLAS_MUTATION"):
    main(*os.environ.pop("VLATLAS_MUTATION").rsplit("::", 1))
