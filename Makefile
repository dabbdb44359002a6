# `make` alone lists the targets. ARGS goes on to the command: make up ARGS="--port 9000".
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin
STAMP := .venv/.complete
HELM_STAMP := .venv-helm/.complete

.DEFAULT_GOAL := help
.PHONY: help setup demo up test coverage test-cadence test-faults test-outages test-recovery test-releases test-wheel test-helm test-containers \
	test-api mutation lint fmt bench soak bench-peers screenshots lock

help: ## List the targets.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-16s %s\n", $$1, $$2 }' Makefile

setup: $(STAMP) ## Make .venv from the lock; done again only when the lock or pyproject.toml changed.
	@:

$(STAMP): requirements.lock pyproject.toml
	@[ -n "$(PYTHON)" ] || { echo "No Python 3.11 or newer was found; install one, or name it: make PYTHON=/path/to/python3"; exit 1; }
	@$(BIN)/python -c 'import pip' 2>/dev/null || { echo "Making .venv with $(PYTHON)"; $(PYTHON) -m venv --clear .venv; }
	@echo "Installing the locked packages into .venv (the first time this takes a minute)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $(STAMP)

demo: setup ## Start everything with a bot that wakes every minute, and follow its runs; Ctrl-C ends it.
	@exec $(BIN)/heartbeat demo $(ARGS)

up: setup ## Start everything: Temporal, API and worker in this terminal; Ctrl-C ends it.
	@exec $(BIN)/heartbeat up $(ARGS)

# Much of what tests take is waiting: six processes keep two processors busy. What one of them has compiled is kept for
# the others, whatever the shell says.
test: setup ## Run the whole suite: unit, workflow, API and end-to-end, on SQLite and PostgreSQL.
	@PYTHONDONTWRITEBYTECODE= $(BIN)/pytest -q -n 6 --dist worksteal $(ARGS)

coverage: setup ## Run the suite, print which lines and branches no test reaches, and hold both to 95 % (half an hour).
	@$(BIN)/coverage erase
	@PYTHONDONTWRITEBYTECODE= $(BIN)/coverage run -m pytest -q -n 2 --dist worksteal $(ARGS)
	@$(BIN)/coverage combine -q
	@$(BIN)/coverage report
	@$(BIN)/python .ci/coverage.py

test-faults: setup ## Kill and stop the processes under load by a plan that HEARTBEAT_FAULTS_SEED makes; writes tests/faults/report.json (half an hour).
	@HEARTBEAT_FAULTS_RECORD=1 $(BIN)/pytest -q -s -m outage tests/faults $(ARGS)
	@$(BIN)/python -m tests.faults.publish

test-outages: setup ## Kill every part in turn while heartbeats fire each minute, replace workers, and destroy the data under load (twelve minutes).
	@$(BIN)/pytest -q -s -m outage tests/e2e/test_outages.py tests/e2e/test_rolling_restart.py \
		tests/e2e/test_restore.py tests/e2e/test_postgres_restore.py $(ARGS)

test-recovery: setup ## Destroy PostgreSQL's data directory under load, and go back to a moment with Temporal as old, newer and older (fifteen minutes).
	@$(BIN)/pytest -q -s -m outage tests/e2e/test_point_in_time.py $(ARGS)

test-releases: setup ## Upgrade from each released version, taken from the repository, with runs under way (three minutes).
	@$(BIN)/pytest -q -s -m outage tests/releases/test_upgrades.py $(ARGS)

test-cadence: setup ## Hold 2,400 generated cadences, Temporal's traps and reconcile to both its scheduler engines (ten minutes).
	@for engine in workflow chasm; do \
		echo "Temporal's scheduler engine: $$engine"; \
		HEARTBEAT_TEST_SCHEDULER=$$engine HEARTBEAT_TEST_CADENCES=2400 HEARTBEAT_TEST_SECONDS=3600 $(BIN)/pytest -q -s \
			tests/domain/cadence/test_proof.py tests/temporal $(ARGS) || exit; \
	done

test-api: setup .venv-contract/.complete ## Ask the API all that its OpenAPI document allows, and more, with schemathesis (HEARTBEAT_TEST_EXAMPLES=200 an operation).
	@$(BIN)/pytest -q -s -m contract tests/contract $(ARGS)

.venv-contract/.complete: tests/contract/requirements.txt
	@$(PYTHON) -m venv --clear .venv-contract
	@.venv-contract/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r $<
	@touch $@

test-wheel: setup ## Build the wheel, install it with the oldest versions allowed, and run one heartbeat with it.
	@.ci/wheel

test-containers: setup ## Build the image, start the compose file and kill a worker, on a Docker engine (ten minutes the first time).
	@$(BIN)/pytest -q -s -m containers tests/containers $(ARGS)

test-helm: $(HELM_STAMP) ## Render the Helm chart with Helm's SDK and hold it to Kubernetes' schemas.
	@.venv-helm/bin/python -m pytest -q -c /dev/null --rootdir . --confcutdir tests/deploy tests/deploy/test_helm.py $(ARGS)

# An environment of its own: Helm's SDK and the schemas weigh 350 MB.
$(HELM_STAMP): deploy/helm/requirements.txt
	@$(PYTHON) -m venv --clear .venv-helm
	@.venv-helm/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r $<
	@touch $@

mutation: .venv-mutation/.complete ## Change the code where the promises are kept, and see whether a test notices (ARGS='--sample 0 scopes').
	@.venv-mutation/bin/python .ci/mutation $(ARGS)

# An environment of its own, which takes the project's packages from .venv.
.venv-mutation/.complete: tests/mutation/requirements.txt | $(STAMP)
	@$(PYTHON) -m venv --clear .venv-mutation
	@.venv-mutation/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r $<
	@touch $@

lint: setup ## Check style, formatting and types.
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

fmt: setup ## Put the code into its format.
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

bench: setup ## Measure the product against bare Temporal, side by side; writes bench/results/latest.json.
	@$(BIN)/python -m bench $(ARGS)

PEERS := celery apscheduler procrastinate dbos temporal
ROUNDS ?= 3
JOBS ?= 100
HERD ?= 1000

soak: setup ## Run the stack at 70 % load for SOAK_MINUTES (30), and see what grows and what is left.
	@$(BIN)/python -m bench soak $(ARGS)

bench-peers: setup $(PEERS:%=.peers/%/.complete) ## Measure the product beside what people would use instead; writes docs/performance.md.
	@command -v redis-server > /dev/null || echo "There is no redis-server; Debian has it in the package redis-server."
	@$(BIN)/python -m bench.peers --rounds $(ROUNDS) --jobs $(JOBS) --herd $(HERD) $(ARGS)

.peers/%/.complete: bench/peers/%/requirements.txt | $(STAMP)
	@echo "Making the environment of $*"
	@$(BIN)/uv venv --quiet --clear --python $(BIN)/python .peers/$* && \
		$(BIN)/uv pip install --quiet --no-deps --require-hashes --python .peers/$*/bin/python -r $< && touch $@ || true

screenshots: setup ## Take the pictures of docs/dashboard.md anew, in Chromium.
	@$(BIN)/python docs/screenshots.py

# Each has an environment of its own, beside that of the project.
APART := $(PEERS:%=bench/peers/%) deploy/helm deploy/sbom deploy/audit tests/contract tests/mutation
COMPILE = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--no-annotate --no-header

lock: setup ## Write the locks anew from what the project asks for.
	@$(COMPILE) pyproject.toml --all-extras -o requirements.lock
	@for directory in $(APART); do $(COMPILE) $$directory/requirements.in -o $$directory/requirements.txt; done
