# make repro: the pipeline, make test: the tests. Both set everything up first, and once.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
FEDERATED := .venv-federated

.PHONY: setup wheel repro verify test test-all torture overfit camvid lint ui federated federated-test clean
.DELETE_ON_ERROR:

setup: $(READY)

$(READY): requirements.lock pyproject.toml hatch_build.py segpipe/own_path.pth
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || \
		{ echo 'error: segpipe needs Python 3.11 to 3.13. Name one: make PYTHON=python3.11'; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

# What `pip install` takes where there is no clone: dist/segpipe-*.whl
wheel: $(READY)
	$(BIN)/python -m hatchling build --target wheel --directory dist

repro: $(READY)
	@# DVC writes this file in place: killed then, it leaves it empty, and would not start again.
	@if [ -f .dvc/tmp/rwlock ] && [ ! -s .dvc/tmp/rwlock ]; then rm .dvc/tmp/rwlock; fi
	$(BIN)/dvc repro
	@echo 'report: reports/index.html'

verify: $(READY)
	$(BIN)/segpipe verify --full

test: $(READY)
	$(BIN)/python -m pytest -m 'not slow' --numprocesses 2 --dist loadfile --no-loadscope-reorder

test-all: $(READY)
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder

# Half an hour and more: what the tests do a little of, done a lot.
torture: $(READY)
	$(BIN)/python -m tests.torture.independence
	$(BIN)/python -m tests.torture.resumed
	$(BIN)/python -m tests.torture.damage --count 500
	$(BIN)/python -m tests.torture.full_disk
	$(BIN)/python -m tests.torture.memory
	$(BIN)/python -m tests.torture.kills --kills 100
	$(BIN)/python -m tests.torture.kills_together --kills 36

# Some minutes: every architecture learns a batch of the sample by heart.
overfit: $(READY)
	$(BIN)/python -m tests.torture.overfit

# Every architecture on CamVid, without a warning: make camvid DATA=where/camvid/lies
camvid: $(READY)
	@test -n '$(DATA)' || { echo 'error: say where CamVid lies: make camvid DATA=FOLDER'; exit 1; }
	$(BIN)/python -m tests.torture.camvid '$(DATA)'

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

ui: $(READY)
	$(BIN)/segpipe ui

# Flower's pins clash with requirements.lock, so what needs it has an environment of its own: all of segpipe, and Flower.
federated: $(FEDERATED)/.ready
	@echo 'Flower and segpipe: $(FEDERATED)/bin/segpipe'

$(FEDERATED)/.ready: requirements-federated.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || \
		{ echo 'error: segpipe needs Python 3.11 to 3.13. Name one: make PYTHON=python3.11'; exit 1; }
	@test -x $(FEDERATED)/bin/python || $(PYTHON) -m venv $(FEDERATED)
	$(FEDERATED)/bin/python -m pip install --quiet --requirement requirements-federated.lock
	$(FEDERATED)/bin/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

federated-test: $(FEDERATED)/.ready
	$(FEDERATED)/bin/python -m pytest tests/federation

clean:
	rm -rf .venv .venv-federated .mypy_cache .pytest_cache .ruff_cache .hypothesis build *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
