# Every command makes the environment that it needs, and makes it again only when pyproject.toml asks for another one.
# Variables: PYTHON (the interpreter to start from), ARGS (handed to pytest, to the benchmarks).

.DEFAULT_GOAL := help
SHELL := /bin/sh
unexport PYTHONPATH PYTHONHOME
export PYTHONUNBUFFERED := 1

PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11 python; do \
	"$$p" -c 'import sys; raise SystemExit(sys.version_info < (3, 11))' >/dev/null 2>&1 && echo "$$p" && break; done)
PYTHON := $(PYTHON)
ENVIRONMENT := $(PYTHON) tests/make/environment.py
DEV := .venv/bin

.PHONY: help run run-qiskit test check mutants bench docs gallery picture clean
.PHONY: python dev check-format check-lint check-layers check-mypy check-pyright check-spelling check-docs check-coverage

help:
	@echo 'make run    run the example of the README and a batch of commands, and show what happens'
	@echo 'make run-qiskit  run a batch of circuits on Qiskit Aer, show the counts, and draw what happened'
	@echo 'make test   run the test suite on every CPython 3.11, 3.12 and 3.13 found here'
	@echo 'make check  format, lint, layers, types, spelling, docs; make check-coverage measures coverage'
	@echo 'make mutants  make mistakes in copies of the core and in graphs, and see that each is noticed'
	@echo 'make bench  measure against other libraries; the numbers go to .bench/results.json'
	@echo 'make docs   build the documentation into .docs-build/'
	@echo 'make gallery  render every kind of picture into .gallery/'
	@echo "make picture  draw the README's picture again"
	@echo 'make clean  remove everything that these commands made'

run: python
	@$(ENVIRONMENT) .venv-run --extra cli
	@.venv-run/bin/python tests/make/first_minute.py README.md
	@.venv-run/bin/python tests/make/batch.py docs/examples/batch.txt .run

run-qiskit: python
	@$(ENVIRONMENT) .venv-run-qiskit --extra qiskit --requirements tests/make/qiskit-requirements.txt
	@.venv-run-qiskit/bin/python tests/make/qiskit_batch.py docs/examples/qiskit_circuits .run-qiskit

test: python
	@$(PYTHON) tests/make/suite.py $(ARGS)

check: check-format check-lint check-layers check-mypy check-pyright check-spelling check-docs

check-format: dev
	$(DEV)/ruff format --check

check-lint: dev
	$(DEV)/ruff check

check-layers: dev
	$(DEV)/lint-imports

check-mypy: dev
	$(DEV)/mypy

check-pyright: dev
	$(DEV)/pyright
	PATH="$$PWD/$(DEV):$$PATH" PYTHONPATH=tests/typing/stubs $(DEV)/pyright --ignoreexternal --verifytypes sojourn

check-spelling: dev
	$(DEV)/typos

check-docs: docs

# A tracer changes where interrupts land, and copies of the core are not the core: `make test` runs these.
UNTRACED := --ignore=tests/test_signals.py --ignore=tests/test_planted_bugs.py

check-coverage: dev
	@$(ENVIRONMENT) .venv-qiskit --newest --group qiskit
	$(DEV)/coverage erase
	$(DEV)/coverage run -m pytest $(UNTRACED) $(ARGS)
	.venv-qiskit/bin/coverage run -m pytest tests/with_qiskit
	$(DEV)/coverage combine --quiet
	$(DEV)/coverage report

mutants: dev
	$(DEV)/python tests/make/mutants.py $(ARGS)

bench: python
	@$(ENVIRONMENT) .venv-bench --requirements tests/benchmarks/requirements.txt
	@mkdir -p .bench
	@.venv-bench/bin/python tests/benchmarks/run.py --json .bench/results.json $(ARGS)

docs: dev
	$(DEV)/python -m sphinx -n -W --keep-going -q -b html -d .docs-build/doctrees docs .docs-build/html
	@echo 'open .docs-build/html/index.html'

gallery: dev
	$(DEV)/python tests/make/gallery.py .gallery
	@echo 'open .gallery/index.html'

picture: dev
	$(DEV)/python tests/make/picture.py

python:
	@test -n '$(PYTHON)' || { echo 'sojourn needs Python 3.11 or newer, as python3 or as PYTHON=/path/to/python' >&2; exit 1; }

dev: python
	@$(ENVIRONMENT) .venv --group dev

clean:
	rm -rf .venv .venv-* .bench .run .run-qiskit .gallery .coverage .coverage.* .docs-build .hypothesis .import_linter_cache \
		.mypy_cache .pytest_cache .results .ruff_cache dist
	find src tests docs -name __pycache__ -type d -prune -exec rm -rf {} +
