# Two commands: `make run` shows the whole chain on simulated tiles, `make test` runs the tests.
# `make help` lists the rest.

PYTHON ?= python3
CONFIG ?=
EXTRAS ?=
DIRECTORY ?=
PROFILE ?= $(if $(CONFIG),local,demo)
BIN := .venv/bin
LAUNCH := PYTHONPATH=src PYTHONNOUSERSITE=1 $(BIN)/python -m groundsynth.launch

.PHONY: help setup setup-test run tour test check lock estimate

help:
	@echo 'make run                     demonstration: simulated tiles, the whole chain, 10 minutes on 2 cores'
	@echo 'make run CONFIG=my.yaml      your own configuration; results beside it (or DIRECTORY=folder)'
	@echo 'make tour                    a richer demonstration, 40 minutes'
	@echo 'make estimate CONFIG=...     disk, files and jobs of a configuration, before anything runs'
	@echo 'make test                    all tests (what tests need is installed first)'
	@echo 'make check                   format, lint, types'
	@echo 'make setup                   the environment only (.venv, 6.6 GB)'
	@echo 'make setup EXTRAS=vllm        the same with vLLM, for captions by language models on GPUs'
	@echo 'PYTHON=python3.12            which Python makes the environment (3.11 to 3.13)'

setup:
	@command -v $(PYTHON) >/dev/null || { echo '$(PYTHON) is not installed: install Python 3.11, 3.12 or 3.13, or name one as in "make run PYTHON=/path/to/python3.12".' >&2; exit 1; }
	@$(PYTHON) src/groundsynth/setup_environment.py $(EXTRAS)

setup-test:
	@$(PYTHON) src/groundsynth/setup_environment.py test

run: setup
	@$(LAUNCH) --profile $(PROFILE) \
	  --configuration '$(or $(CONFIG),config/demo.yaml)' \
	  $(if $(DIRECTORY),--directory '$(DIRECTORY)',$(if $(CONFIG),,--directory runs/demo))

tour: setup
	@$(LAUNCH) --profile demo --configuration config/tour.yaml --directory '$(or $(DIRECTORY),runs/tour)'

estimate: setup
	@PYTHONPATH=src $(BIN)/python -m groundsynth estimate --configuration $(if $(CONFIG),'$(CONFIG)')

test: setup-test
	@PATH="$(CURDIR)/$(BIN):$$PATH" OMP_NUM_THREADS=1 PYTHONNOUSERSITE=1 $(BIN)/python -m pytest

check: setup-test
	@$(BIN)/ruff format --check . && $(BIN)/ruff check . && $(BIN)/mypy && $(BIN)/snakefmt --check Snakefile rules

# The environments named in pyproject.toml make most markers constant: they are left out.
lock: setup-test
	$(BIN)/python -m uv pip compile --universal --python-version 3.11 --no-header --no-annotate --quiet \
	  --no-emit-index-url --no-emit-find-links --extra test --extra vllm pyproject.toml -o requirements.lock
	sed -i -e "s/ and python_full_version < '3.14'//" -e "s/ and platform_machine == 'x86_64' and sys_platform == 'linux'//" \
	  -e "s/ ; python_full_version < '3.14'$$//" requirements.lock
