# `make train` and `make test` do all their set-up: they need make and a Python of 3.11 to 3.13.

# The first Python at hand that TensorFlow has a build for; `make PYTHON=...` takes another.
PYTHON ?= $(call find-python,3.11,3.13,python3 python3.13 python3.12 python3.11)
# tensorflow-addons has no build for a newer one.
PYTHON_ADDONS ?= $(call find-python,3.11,3.11,python3.11 python3 $(PYTHON))
VENV ?= .venv
VENV_ADDONS ?= .venv-addons
# Processes that run tests side by side.
JOBS ?= 2

export TF_CPP_MIN_LOG_LEVEL ?= 3
export PIP_DISABLE_PIP_VERSION_CHECK ?= 1

PIP = -m pip install --quiet --quiet
# Layers, losses and metrics, then a model's life: what depends on Keras.
KERAS_TESTS = tests/layers tests/test_losses.py tests/test_metrics.py tests/stacks
# All operations, and what depends on Keras.
STACK_TESTS = tests/ops $(KERAS_TESTS)
# What depends on TensorFlow's version: whether its operations exist and whether eager calls,
# graphs, XLA, gradients and SavedModels of them do the same. Here all routes and options of
# the lift run in each of these ways. Left out are tests of single modules of the lift against
# oracles: their mathematics depends on no version, and the contract calls the same modules.
VERSION_TESTS = $(filter-out %/lift %/__pycache__,$(wildcard tests/ops/*)) \
    tests/ops/lift/attitude tests/ops/lift/fast/xla tests/ops/lift/test_contract.py \
    tests/ops/lift/test_lift_options.py tests/ops/lift/test_soft_lifting.py \
    tests/ops/lift/test_lift.py::test_gradient_of_masks_after_a_reload
# One program of all routes of the lift, forward and backward.
COMPILED_TEST = tests/ops/lift/test_contract.py::test_a_compiled_batch_equals_the_reference_and_its_gradient_the_plain

# XLA without its optimisations compiles in half the time, and its programs give the same
# results. The tests with tf_keras run it as users have it.
QUICK_XLA = --xla_backend_optimization_level=0
QUICKER_XLA = $(QUICK_XLA) --xla_cpu_use_fusion_emitters=false
DEFAULT_PYTEST = TF_LIFT_STACK=default XLA_FLAGS="$(QUICKER_XLA)" \
    $(VENV)/bin/python -m pytest -n $(JOBS)
# Run before all others and by processes of their own: a process keeps all that it compiles.
LIFT_TESTS = tests/ops/lift tests/layers

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help train test test-all test-default test-legacy-keras test-addons lint format clean

help:
	@echo "make train      train the tiny model, report its errors, export it (5 minutes on 2 cores)"
	@echo "make test       lint, types, doctests and tests"
	@echo "make test-all   the tests of layers and models on the three TensorFlow stacks"
	@echo "make lint       lint and types alone"
	@echo "make format     put the code into its standard form"
	@echo "make clean      remove environments and build outputs (runs and exports stay)"

train: $(VENV)/.installed
	$(VENV)/bin/python train_keras.py $(ARGS)

test: lint
	$(if $(ARGS),$(DEFAULT_PYTEST) $(ARGS),$(DEFAULT_PYTEST) $(LIFT_TESTS))
	$(if $(ARGS),,$(DEFAULT_PYTEST) $(LIFT_TESTS:%=--ignore=%))

lint: $(VENV)/.installed-dev
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy

format: $(VENV)/.installed-dev
	$(VENV)/bin/ruff check --fix .
	$(VENV)/bin/ruff format .

test-all: test-default test-legacy-keras test-addons

test-default: $(VENV)/.installed-dev
	@echo "== TensorFlow 2.21, Keras 3"
	$(DEFAULT_PYTEST) $(STACK_TESTS)

test-legacy-keras: $(VENV)/.installed-legacy-keras
	@echo "== TensorFlow 2.21, tf_keras"
	TF_LIFT_STACK=legacy-keras TF_USE_LEGACY_KERAS=1 \
	    $(VENV)/bin/python -m pytest -n $(JOBS) -m "not slow" $(KERAS_TESTS) $(COMPILED_TEST)

test-addons: $(VENV_ADDONS)/.installed
	@echo "== TensorFlow 2.15.1, tensorflow-addons"
	TF_LIFT_STACK=addons XLA_FLAGS="$(QUICK_XLA)" \
	    $(VENV_ADDONS)/bin/python -m pytest -n $(JOBS) -m "not slow" $(VERSION_TESTS) $(KERAS_TESTS)

clean:
	rm -rf $(VENV) $(VENV_ADDONS) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache

# An environment is made again when what it installs has changed.
$(VENV)/.installed: setup.cfg pyproject.toml
	$(call make-venv,$(PYTHON),$(VENV),3.11,3.13)
	@echo "Installing tf_lift and TensorFlow into $(VENV), once ..."
	@$(VENV)/bin/python $(PIP) -e .[detector,video,viewing]
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	@echo "Installing the tools for tests into $(VENV), once ..."
	@$(VENV)/bin/python $(PIP) -e .[dev]
	@touch $@

$(VENV)/.installed-legacy-keras: $(VENV)/.installed-dev
	@echo "Installing tf_keras into $(VENV), once ..."
	@$(VENV)/bin/python $(PIP) -e .[dev,legacy-keras]
	@touch $@

$(VENV_ADDONS)/.installed: setup.cfg pyproject.toml
	$(call make-venv,$(PYTHON_ADDONS),$(VENV_ADDONS),3.11,3.11)
	@echo "Installing tf_lift, TensorFlow 2.15.1 and tensorflow-addons into $(VENV_ADDONS), once ..."
	@$(VENV_ADDONS)/bin/python $(PIP) -e .[test,addons]
	@touch $@

# $(call find-python,OLDEST,NEWEST,NAMES): the first that runs and is neither older nor newer.
find-python = $(firstword $(foreach name,$(3),$(shell $(name) -c "$(call version-check,$(1),$(2))" \
    2>/dev/null && echo $(name))))
version-check = import sys; sys.exit(not '$(1)' <= '%d.%d' % sys.version_info[:2] <= '$(2)')

# $(call make-venv,PYTHON,FOLDER,OLDEST,NEWEST)
define make-venv
	@$(if $(1),$(1),false) -c "$(call version-check,$(3),$(4))" 2>/dev/null || { \
	    echo "$(2) needs a Python from $(3) to $(4), and $(if $(1),$(1) is none,none was found)." \
	        "Install one, or name it: make PYTHON=... PYTHON_ADDONS=..." >&2; \
	    exit 1; }
	@$(1) -c "import ensurepip, venv" 2>/dev/null || { \
	    echo "$(1) cannot make environments: install its venv module" \
	        "(Debian and Ubuntu: apt install python3-venv)." >&2; \
	    exit 1; }
	@$(2)/bin/python -m pip --version >/dev/null 2>&1 || $(1) -m venv --clear $(2)
endef
