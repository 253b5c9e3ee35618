SHELL := bash
.DEFAULT_GOAL := help
python := .venv/bin/python

.PHONY: help setup mini test lint bench clean

help: ## list the goals
	@while IFS= read -r line; do \
	  [[ $$line =~ ^([a-z]+):.*'## '(.*) ]] && printf '%-8s %s\n' "$${BASH_REMATCH[1]}" "$${BASH_REMATCH[2]}"; \
	done <$(firstword $(MAKEFILE_LIST)) || true

setup: ## put Python 3.12 and all packages into .venv (CPU=1: without CUDA)
	@utils/setup.sh
	@$(if $(filter setup,$(MAKECMDGOALS)),printf 'type in each new shell:\nsource %q\n' "$$PWD/.venv/bin/activate",:)

mini: setup ## the whole pipeline on the embedded corpus, from nothing to a report
	@egs2/mini_sinitic/emb1/run.sh

test: lint ## lint and run all tests, two files at a time
	@utils/setup.sh mteb
	@OMP_NUM_THREADS=1 $(python) -m pytest -q --numprocesses 2 --dist loadfile --no-loadscope-reorder

lint: setup ## check style of Python and shell
	@$(python) -m ruff check --quiet
	@$(python) -m ruff format --check --quiet
	@.venv/bin/shellcheck --external-sources .ci/run utils/*.sh egs2/*/*/*.sh

bench: ## measure speeds, into bench.tsv
	@utils/setup.sh bench
	@$(python) -m fangyan bench

clean: ## remove caches; data, experiments and .venv stay
	@rm -rf .pytest_cache .ruff_cache .hypothesis local/*.egg-info
	@find local tests -name __pycache__ -prune -exec rm -rf {} +
