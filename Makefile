# Thin names for the commands. `make help` lists them.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

# What a user types is data: it reaches the command through the environment and is never parsed by make or a shell.
override PAPER := $(value PAPER)
override PROFILE := $(value PROFILE)
override SEEDS := $(value SEEDS)
override DEVICE := $(value DEVICE)
export PAPER PROFILE SEEDS DEVICE

.DEFAULT_GOAL := help
.PHONY: help setup reproduce keep book bundle named slides serve test mutations bench check new toc lock clean

help: ## this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/  make \1\t\2/' | expand -t 18

setup: $(VENV)/.ready ## create .venv and install everything from the lock (once, a few minutes)

$(VENV)/.ready: requirements.lock pyproject.toml
	@echo "Creating $(VENV) with $$($(PYTHON) --version) ..."
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "vlatlas needs Python 3.11 or newer; this is " + sys.version.split()[0] + ". Name another with: make setup PYTHON=python3.12")'
	@$(PYTHON) -m venv $(VENV)
	@echo "Installing the locked packages, hashes checked (torch is several GB) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@
	@$(BIN)/vlatlas doctor
	@echo "Ready. Try: make reproduce PAPER=flip"

reproduce: $(VENV)/.ready ## run one paper's notebook and judge its claims: PAPER=flip [PROFILE=cpu] [SEEDS=0,1,2] [DEVICE=auto]
	@$(BIN)/vlatlas reproduce "$$PAPER" $${PROFILE:+--profile "$$PROFILE"} $${SEEDS:+--seeds "$$SEEDS"} $${DEVICE:+--device "$$DEVICE"}

keep: $(VENV)/.ready ## copy a finished run into the paper's folder as its committed record: PAPER=flip [PROFILE=cpu]
	@$(BIN)/vlatlas keep "$$PAPER" $${PROFILE:+--profile "$$PROFILE"}

book: $(VENV)/.ready ## build the site; [PROFILE=cpu] first runs the notebooks whose results are stale
	@if [ -n "$$PROFILE" ]; then $(BIN)/vlatlas reproduce --all --profile "$$PROFILE"; fi
	@$(BIN)/python -m vlatlas.site.build

bundle: book ## build the site into one archive that opens from disk, without a network: _build/vlatlas-site.zip
	@$(BIN)/python -m vlatlas.site.bundle

named:
	@if [ -z "$$PAPER" ]; then echo "Name a paper: PAPER=flip" >&2; exit 2; fi

slides: named book ## a notebook as slides in one file, _build/slides/PAPER.html: PAPER=flip
	@mkdir -p _build/slides && $(BIN)/python -m vlatlas.site.slides "$$PAPER" --output "_build/slides/$${PAPER//[^a-z0-9.-]/_}.html"

serve: book ## build the site and serve it on this machine, port 8000
	@cd _build/html && echo "http://127.0.0.1:8000" && ../../$(BIN)/python -m http.server --bind 127.0.0.1 8000

test: $(VENV)/.ready ## everything CI runs: library, pages, every notebook in the smoke profile, the site
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadgroup tests

mutations: $(VENV)/.ready ## take each paper's idea out of the library and see its verdict fall; minutes a paper
	@$(BIN)/python tests/science/run.py $${PAPER:+"$$PAPER"}

bench: $(VENV)/.ready ## measure speed, every figure as a ratio against a baseline of the same run
	@$(BIN)/python -m vlatlas.bench

check: $(VENV)/.ready ## validate bibliography, pages, notebooks and records
	@$(BIN)/vlatlas check

new: $(VENV)/.ready ## start a paper: PAPER=slug
	@$(BIN)/vlatlas new "$$PAPER"

toc: $(VENV)/.ready ## write _toc.yml anew from the folders
	@$(BIN)/vlatlas toc

lock: ## resolve the newest versions that fit pyproject.toml into requirements.lock
	@$(BIN)/uv pip compile --quiet --upgrade pyproject.toml --extra dev --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate -o requirements.lock

clean: ## remove everything that was built or run
	rm -rf _build
