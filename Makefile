# The verbs of this project. CI calls the same ones.
.PHONY: setup demo test test-fast lint lock bench ui readme
.DEFAULT_GOAL := demo

export PATH := $(CURDIR)/.venv/bin:$(PATH)
DATA ?=

setup: ## make .venv and install requirements.lock; instant when done
	@PYTHON='$(PYTHON)' sh infra/setup.sh

demo: setup ## raw payloads to a published bundle: the simulated pumps, or DATA=<folder with the C-MAPSS files>
ifeq ($(DATA),)
	@test -e data/raw/pumps || fleetloop data simulate pumps
	@fleetloop activate pumps
	@fleetloop run pumps
else
	@fleetloop data add cmapss_fd001 '$(DATA)'
	@fleetloop activate turbofan
	@fleetloop run turbofan
endif

.PHONY: demo-loop
demo-loop: setup ## two simulated months in minutes: drift, sensor faults, new firmware, and what the loop makes of them
	@fleetloop demo loop

test: setup ## everything
	@pytest

test-fast: setup ## without what trains models or starts servers
	@pytest -m "not slow"

lint: setup ## ruff and mypy strict
	@ruff check .
	@ruff format --check .
	@mypy

lock: setup ## compile requirements.lock from pyproject.toml
	@sh infra/lock.sh

.PHONY: peers
peers: setup # what the benchmarks compare with; not installed by make setup
	@python -m pip install --quiet --no-deps -r benchmarks/requirements.lock

bench: peers ## every benchmark; results in benchmarks/results
	@set -e; for name in benchmarks/*.py; do \
	    name=$$(basename $$name .py); \
	    case $$name in __init__|results|page|jobs|*_jobs|*_data|*_peers) ;; *) python -m benchmarks.$$name ;; esac; \
	done

bench-%: peers ## one benchmark: make bench-flow
	@python -m benchmarks.$*

ui: setup ## the loop that runs by itself: Prefect's server and UI, worker, deployments, Evidently's UI; ends by `fleetloop down`
	@fleetloop up

.PHONY: screenshots
screenshots: setup ## docs/run*.png, of the newest reported run on the server that `make ui` started
	@python infra/screenshots.py

readme: setup ## the README's outputs and pictures from the last laps, docs/benchmarks.md from the last benchmarks
	@python infra/readme.py
	@python -m benchmarks.page
