"""What is measured, one subject a file. Each suite returns ratios; none of them asserts anything."""

from .book import book
from .browser import browser
from .contrastive import large, sigmoid, softmax, softmax_tuned
from .machine import machine
from .notebooks import notebooks, startup
from .retrieval import retrieval, retrieval_large
from .steps import steps
from .towers import patch_dropout, patch_dropout_large
from .world import loader, render

SUITES = {
    "softmax": softmax,
    "sigmoid": sigmoid,
    "softmax_tuned": softmax_tuned,
    "large": large,
    "patch_dropout": patch_dropout,
    "patch_dropout_large": patch_dropout_large,
    "steps": steps,
    "retrieval": retrieval,
    "retrieval_large": retrieval_large,
    "startup": startup,
    "notebooks": notebooks,
    "render": render,
    "loader": loader,
    "book": book,
    "browser": browser,
}
__all__ = ["SUITES", "machine", *SUITES]
