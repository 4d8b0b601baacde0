# The commands of the book. Python 3.11 to 3.13 and make are all they need.
#
#   make book        build the environment if missing, execute every chapter, build the site
#   make test        run every test
#   make jupyter     read and run the chapters in JupyterLab
#   make notebooks   plain .ipynb copies of the chapters, in notebooks/
#   make lint        style, types and spelling        make bench    dlpar beside its peers
#   make lock        resolve the dependencies anew    make clean    remove what was built

SHELL := /bin/bash
BIN := $(CURDIR)/.venv/bin
SITE := $(CURDIR)/_build/html/index.html

# The environment is the lock's and nobody else's, whatever is active in the caller's shell.
unexport PYTHONHOME PYTHONPATH PIP_TARGET PIP_USER PIP_REQUIRE_VIRTUALENV
export VIRTUAL_ENV := $(CURDIR)/.venv
export PATH := $(BIN):$(PATH)
export JUPYTER_PREFER_ENV_PATH := 1

.PHONY: help book test jupyter notebooks lint bench lock clean
.DEFAULT_GOAL := help

help:
	@sed -n 's/^#   //p' Makefile

# A changed lock means a new environment; a changed pyproject.toml only a new `dlpar` command.
.venv/locked: requirements.lock
	@bash .ci/environment $(CURDIR)/.venv
	@touch $@

.venv/ready: .venv/locked pyproject.toml
	@$(BIN)/python -m pip install --quiet --no-deps --editable .
	@touch $@

# From clean: the cache of executed pages cannot see a change in dlpar.
book: .venv/ready
	@rm -rf _build
	$(BIN)/jupyter-book build . -W -n --keep-going
	@echo
	@echo "The book is ready. Open it in your browser: file://$(SITE)"

test: .venv/ready
	$(BIN)/python -m pytest -n 2 --dist loadgroup $(ARGS)

jupyter: .venv/ready
	$(BIN)/dlpar book -- $(ARGS)

notebooks: .venv/ready
	$(BIN)/python book/_ext/notebook_copies.py notebooks

lint: .venv/ready
	$(BIN)/pre-commit run --all-files

bench: .venv/ready
	$(BIN)/dlpar bench

lock:
	bash .ci/lock

clean:
	rm -rf .venv _build notebooks
