# Every target does its own set-up: Python 3.11 or newer and make are all that must be there.

VENV   ?= .venv
RUN     = $(VENV)/bin/python -m
GRAPHSPEC = $(VENV)/bin/graphspec
READY   = $(VENV)/.graphspec-installed
PYTEST  = OMP_NUM_THREADS=1 $(RUN) pytest -n 2 --dist worksteal
FASHION = /usr/share/datasets/fashion-mnist
RAW     = data/FashionMNIST/raw
LOWERED = .venv-lowered

.DEFAULT_GOAL = help
.PHONY: help setup demo test slow check format docs data runtimes lowered fidelity clean

help: ## say what the targets do
	@sed -n 's/^\([a-z]*\):.*## /  make \1 — /p' Makefile

setup: $(READY) ## create .venv and install graphspec with its tests' tools

demo: $(READY) ## train, export, verify and use specs/digits.toml (run folder runs/demo, export exports/digits)
	@rm -rf runs/demo
	$(GRAPHSPEC) compile specs/digits.toml
	$(GRAPHSPEC) train specs/digits.toml --run runs/demo
	$(GRAPHSPEC) export runs/demo -o exports/digits
	$(GRAPHSPEC) predict exports/digits

test: check ## make check, then the default tests
	$(PYTEST) -m "not slow" $(ARGS)

slow: $(READY) ## all tests, the slow ones too (ARGS="-m slow" runs those alone)
	$(PYTEST) $(ARGS)

check: $(READY) ## ruff, mypy and the import contracts
	$(RUN) ruff check .
	$(RUN) ruff format --check .
	$(RUN) mypy
	$(VENV)/bin/lint-imports --no-logo

format: $(READY) ## let ruff format and sort what it can
	$(RUN) ruff format .
	$(RUN) ruff check --fix .

docs: $(READY) ## build the site into build/site, its lessons run (once) with what they print
	$(RUN) pip install --quiet --disable-pip-version-check -e '.[docs,tune]'
	PATH="$(CURDIR)/$(VENV)/bin:$$PATH" GRAPHSPEC_RUN_LESSONS=1 $(RUN) mkdocs build --strict

data: ## unpack Debian's Fashion-MNIST (package dataset-fashion-mnist) into data/
	@if [ -d $(RAW) ]; then echo "$(RAW): already there"; \
	elif [ -d $(FASHION) ]; then set -e; rm -rf $(RAW).part; mkdir -p $(RAW).part; \
	  for file in $(FASHION)/*.gz; do gunzip -c "$$file" > $(RAW).part/`basename "$$file" .gz`; done; \
	  mv $(RAW).part $(RAW); echo "$(RAW): unpacked from $(FASHION)"; \
	else echo "$(FASHION): not here. On Debian or Ubuntu: apt-get install dataset-fashion-mnist;"; \
	  echo "elsewhere add --download to the train command, which lets torchvision fetch it."; fi

runtimes: $(READY) ## install verify's optional runtimes: the extra, and onnxruntime-node and -web where npm is
	$(RUN) pip install --quiet --disable-pip-version-check -e '.[runtimes]'
	@if command -v npm >/dev/null; then mkdir -p $(VENV)/share/graphspec; \
	  cp graphspec/verifying/runtimes/package.json $(VENV)/share/graphspec/; \
	  npm install --ignore-scripts --no-audit --no-fund --no-package-lock --prefix $(VENV)/share/graphspec; \
	else echo "npm: not here, so no onnxruntime-node and -web. Debian: apt-get install nodejs npm"; fi
	@for program in g++ node chromium; do command -v $$program >/dev/null \
	  || echo "$$program: not here; the runtime that needs it will not run"; done

lowered: $(LOWERED)/.installed ## install ExecuTorch and LiteRT in .venv-lowered, upon .venv; then make slow VENV=.venv-lowered, make fidelity likewise

fidelity: runtimes ## every spec in every runtime, into docs/fidelity.md and .json (an hour; it goes on where it was stopped)
	@test -d runs/multilabel || $(GRAPHSPEC) train specs/multilabel.toml   # specs/transfer.toml begins with its weights
	OMP_NUM_THREADS=1 $(VENV)/bin/python benchmarks/fidelity.py --write docs

clean: ## remove caches; runs, exports, data and .venv stay
	rm -rf .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis build dist
	find graphspec tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +

# What LiteRT's converter needs is older than what .venv has: here it stands before that, and torch stays what it is there.
$(LOWERED)/.installed: $(READY)
	$(RUN) venv --clear $(LOWERED)
	$(LOWERED)/bin/python -c 'import pathlib, sys, sysconfig; pathlib.Path(sysconfig.get_path("purelib"), "base.pth").write_text(sys.argv[1])' \
	  "`$(VENV)/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))'`"
	$(RUN) pip freeze --disable-pip-version-check | grep -E '^torch(vision)?==' >$(LOWERED)/torch.txt
	$(LOWERED)/bin/python -m pip install --quiet --disable-pip-version-check -c $(LOWERED)/torch.txt -e '.[executorch,litert]'
	@touch $@ $(LOWERED)/.graphspec-installed

# The first Python of 3.11 to 3.13 that has venv and ensurepip, else a newer one (TorchScript ends with 3.13).
$(READY): pyproject.toml
	@if [ ! -x $(VENV)/bin/python ]; then \
	  for python in python3 python3.13 python3.12 python3.11 python3.14 python; do \
	    if $$python -c 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null \
	      || { [ $$python = python3.14 ] && $$python -c 'import venv, ensurepip' 2>/dev/null; }; then \
	      echo "creating $(VENV) with $$python (`$$python --version`)"; exec $$python -m venv $(VENV); fi; done; \
	  echo "graphspec needs Python 3.11 or newer with venv (Debian: apt-get install python3-venv)" >&2; exit 1; fi
	$(RUN) pip install --quiet --disable-pip-version-check -e '.[test]'
	@touch $@
