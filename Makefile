# `make help` lists the targets.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
SHELL := /bin/sh

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
PROTO_SOURCES := $(wildcard protos/challenge/*/*.proto protos/challenge/*/*/*.proto)
GENERATED := generated/.stamp

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' Makefile

$(INSTALLED): requirements-dev.txt pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=...")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	$(BIN)/python -c 'import pathlib, sysconfig; pathlib.Path(sysconfig.get_path("purelib"), "generated.pth").write_text(str(pathlib.Path("generated").resolve()) + "\n")'
	@touch $@

.PHONY: install
install: $(INSTALLED) $(GENERATED) ## Create the virtual environment with the locked dependencies

.PHONY: proto
proto: $(GENERATED) ## Generate the Python code of the contract
$(GENERATED): $(PROTO_SOURCES) $(INSTALLED)
	@rm -rf generated && mkdir -p generated
	$(BIN)/python -m grpc_tools.protoc -I protos \
		--plugin=protoc-gen-mypy=$(BIN)/protoc-gen-mypy --plugin=protoc-gen-mypy_grpc=$(BIN)/protoc-gen-mypy_grpc \
		--python_out=generated --grpc_python_out=generated --mypy_out=quiet:generated --mypy_grpc_out=quiet:generated \
		$(PROTO_SOURCES)
	@find generated -mindepth 1 -type d -exec touch {}/__init__.py \;
	@touch $@
