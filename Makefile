# `make help` lists the targets. Everything is installed into .venv and .tools; nothing outside of this folder changes.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
PROTOS := $(shell find protos -name '*.proto')
GENERATED := generated/.made
READY := $(INSTALLED) $(GENERATED)

# Tests start some hundred processes: what these import is compiled once.
unexport PYTHONDONTWRITEBYTECODE

# Versions of the Go programs that `make tools` builds.
GRPCURL := github.com/fullstorydev/grpcurl/cmd/grpcurl@v1.9.4
GHZ := github.com/bojand/ghz/cmd/ghz@v0.120.0
NATS_SERVER := github.com/nats-io/nats-server/v2@v2.15.3
HELM := helm.sh/helm/v3/cmd/helm@v3.19.0

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' Makefile

# With SOURCE=nats also a broker, and an event source that reads it.
SOURCE ?=
.PHONY: run
run: $(READY) ## Start Postgres, Valkey and both services with the demo catalogue; Ctrl-C stops all
	@SOURCE=$(SOURCE) $(BIN)/python -m devstack run

.PHONY: demo
demo: $(READY) ## Watch a scripted player's first days and a week against running services
	@$(BIN)/python -m demo

.PHONY: test
test: $(READY) ## Run the tests; five to seven minutes on two cores
	$(BIN)/python -m pytest --numprocesses auto --dist worksteal -m "not slow"

.PHONY: coverage
coverage: $(READY) ## Run the tests with coverage of their processes, and hold it against the floor; ten minutes
	rm -f .coverage .coverage.*
	@# The report is worth seeing whether or not a test has failed.
	@status=0; $(BIN)/coverage run -m pytest --numprocesses auto --dist worksteal -m "not slow" || status=$$?; \
		$(BIN)/coverage combine --quiet && $(BIN)/coverage report && exit $$status

# Files or folders of slow tests; all of them if empty.
SLOW ?=
.PHONY: test-slow
test-slow: $(READY) ## Run the fault and load tests that take minutes
	$(BIN)/python -m pytest -m slow $(SLOW)

.PHONY: bench
bench: $(READY) ## Measure, and hold the figures against their targets; under two minutes
	@$(BIN)/python -m bench

.PHONY: bench-full
bench-full: $(READY) ## Measure everything
	@$(BIN)/python -m bench --full

# Duration in seconds.
SOAK ?= 3600
SOAK_DATA ?= /var/tmp
.PHONY: soak
soak: $(READY) ## Play a whole game for an hour, and see whether anything grows or gets slower
	@$(BIN)/python -m bench soak --soak-seconds $(SOAK) --data $(SOAK_DATA)

# The length of each attack in seconds, and which kinds: letters, all if empty.
ATTACK ?= 20
KINDS ?=
.PHONY: attack
attack: $(READY) ## Attack running services, and show what ordinary callers notice
	@$(BIN)/python -m attack --seconds $(ATTACK) $(KINDS)

.PHONY: lint
lint: $(READY) ## Check format, lint and types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

.PHONY: format
format: $(READY) ## Format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

.PHONY: contract
contract: $(READY) ## Check the contract: style, and that no version on record is broken
	$(BIN)/buf lint protos
	@for commit in $$(git rev-list HEAD -- protos); do \
		$(BIN)/buf breaking protos --against ".git#ref=$$commit,subdir=protos" || exit 1; \
	done

.PHONY: docs
docs: $(READY) $(VENV)/.docs ## Build the documentation site into .site/html; a broken link fails
	@$(BIN)/python -m docsite

.PHONY: settings
settings: $(READY) ## Bring the tables of settings and of roles in docs/ up to date with the code
	@$(BIN)/python -m docsite.settings_table
	@$(BIN)/python -m docsite.access_table

.PHONY: dashboards
dashboards: $(READY) ## Make the dashboards for Grafana in deploy/grafana
	@$(BIN)/python -m deploy.grafana.dashboards

.PHONY: proto
proto: $(GENERATED) ## Generate the Python code of the contract

.PHONY: migrate
migrate: $(READY) ## Bring the schema of the database at DATABASE_URL up to date
	@$(BIN)/python -m admin migrate

# The container engine, the name of the image, and further options of the build.
ENGINE ?= $(shell for engine in docker podman buildah; do $$engine info >/dev/null 2>&1 && echo $$engine && break; done)
VERSION = $(shell sed -n 's/^VERSION = "\(.*\)"/\1/p' shared/runtime/version.py)
IMAGE ?= challenge-backend:$(VERSION)
IMAGE_OPTIONS ?=
.PHONY: image
image: ## Build the container image with docker, podman or buildah
	@test -n "$(ENGINE)" || { echo "docker, podman or buildah is needed, and has to be running"; exit 1; }
	@# By default podman and buildah write a format that knows no health checks.
	$(ENGINE) build $(if $(filter podman buildah,$(notdir $(ENGINE))),--format docker) --tag $(IMAGE) $(IMAGE_OPTIONS) .

.PHONY: changes
changes: $(READY) ## Show the changes since the last release that changelog.d has
	@$(BIN)/towncrier build --draft --version next

.PHONY: dist
dist: $(READY) ## Build the wheel, the chart where helm is, and the image where an engine is
	rm -rf build dist
	$(BIN)/python -m pip wheel --quiet --disable-pip-version-check --no-deps --no-build-isolation --wheel-dir dist .
	@PATH="$$PATH:$(CURDIR)/.tools/bin"; if command -v helm >/dev/null; then helm package deploy/chart --destination dist; \
		else echo "no helm: no chart"; fi
	@if test -n "$(ENGINE)"; then $(MAKE) image; else echo "no container engine: no image"; fi

.PHONY: release
release: $(READY) ## Check, write version and changelog, and build a release: make release VERSION=1.2.0
	$(BIN)/python -m release --check $(VERSION)
	$(MAKE) lint contract docs test
	$(BIN)/python -m release $(VERSION)
	$(MAKE) dist
	@echo "Look at it, then: git commit --all --message 'Release $(VERSION)' && git tag v$(VERSION), and push both."

.PHONY: tools
tools: ## Build grpcurl, ghz, nats-server and helm into .tools/bin, where Go is
	@command -v go >/dev/null || { echo "Go is needed to build them; without it, use $(BIN)/buf curl"; exit 1; }
	GOBIN=$(CURDIR)/.tools/bin go install $(GRPCURL)
	GOBIN=$(CURDIR)/.tools/bin go install $(GHZ)
	GOBIN=$(CURDIR)/.tools/bin go install $(NATS_SERVER)
	GOBIN=$(CURDIR)/.tools/bin go install $(HELM)

# `make lock` keeps the versions that still fit; with UPGRADE=--upgrade it takes the newest.
UPGRADE ?=
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--no-annotate --no-header
.PHONY: lock
lock: $(READY) ## Pin the versions of all dependencies; UPGRADE=--upgrade takes the newest
	$(COMPILE) $(UPGRADE) --extra sources pyproject.toml -o requirements.txt
	$(COMPILE) $(UPGRADE) --extra dev --extra sources -c requirements.txt pyproject.toml -o requirements-dev.txt
	$(COMPILE) $(UPGRADE) --extra docs -c requirements-dev.txt pyproject.toml -o requirements-docs.txt
	$(COMPILE) $(UPGRADE) --extra image -c requirements-dev.txt pyproject.toml -o requirements-image.txt
	echo uv | $(COMPILE) -c requirements-dev.txt - -o requirements-uv.txt

.PHONY: clean
clean: ## Remove what was installed and generated; the data of `make run` stays
	rm -rf $(VENV) .tools .site generated *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis .coverage .coverage.*

# uv installs the pinned wheels in a few seconds, pip takes most of a minute. Both check the same hashes.
$(INSTALLED): requirements-dev.txt requirements-uv.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.x")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-uv.txt
	$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements-dev.txt
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@$(BIN)/python -c 'import pathlib, sysconfig; pathlib.Path(sysconfig.get_path("purelib"), "generated.pth").write_text(str(pathlib.Path("generated").resolve()) + "\n")'
	@touch $@

# Only the site needs these, and they are as large as a fifth of everything else.
$(VENV)/.docs: $(INSTALLED) requirements-docs.txt
	$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements-docs.txt
	@touch $@

$(GENERATED): $(PROTOS) $(INSTALLED)
	@rm -rf generated && mkdir generated
	$(BIN)/python -m grpc_tools.protoc -I protos \
		--plugin=protoc-gen-mypy=$(BIN)/protoc-gen-mypy --plugin=protoc-gen-mypy_grpc=$(BIN)/protoc-gen-mypy_grpc \
		--python_out=generated --grpc_python_out=generated --mypy_out=quiet:generated --mypy_grpc_out=quiet:generated \
		$(PROTOS)
	@find generated -mindepth 1 -type d -exec touch {}/__init__.py \;
	@touch $@
