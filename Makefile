# Everything developers do besides ./run and ./test. 'make' alone lists it.
.DEFAULT_GOAL := help
BIN := .venv/bin
SHOTS := demo-output

.PHONY: help setup run test check format bench shots docs lock clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## bring this computer to readiness (Debian packages, .venv); ./run and ./test do it by themselves
	@bash -c '. tools/setup.sh'

run: ## the demo: machine, city and emulated hardware (./run)
	@./run

test: ## the whole suite, offscreen (./test)
	@./test

check: setup ## lint, format, types, import arrows, house rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright
	$(BIN)/lint-imports --no-cache
	$(BIN)/python tools/house_rules.py
	$(BIN)/python tools/make_docs.py --check

format: setup ## let ruff format and mend what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: setup ## measure speed and memory; a table with min, median, p95
	$(BIN)/python -m benchmarks.run

shots: setup ## the scripted demo on a virtual screen; pictures into demo-output/
	$(BIN)/kiosk demo --scripted --output $(SHOTS)

docs: setup ## write the generated pages of docs/ anew
	$(BIN)/python tools/make_docs.py

lock: ## resolve requirements.lock anew from setup.cfg, keeping today's versions where they still fit
	@mkdir -p build
	python3 -m venv --clear build/lock
	build/lock/bin/python -m pip install --quiet uv
	cp requirements.lock build/requirements.lock
	build/lock/bin/uv pip compile setup.cfg --extra dev --generate-hashes --python-version 3.11 --python-platform linux \
		--no-header --no-annotate --quiet --output-file build/requirements.lock >/dev/null
	@{ head -n 1 requirements.lock; sed '/^#/d' build/requirements.lock; } > build/requirements.new
	mv build/requirements.new requirements.lock

clean: ## remove the environment and everything generated
	rm -rf .venv build demo-output .pytest_cache .ruff_cache .hypothesis tongban.egg-info
