# Everything developers do besides ./run and ./test. 'make' alone lists it.
.DEFAULT_GOAL := help
BIN := .venv/bin
SHOTS := demo-output
COUNT := 1000000
SEED := 1

.PHONY: help setup run test check format bench shots docs lock clean matrix power-cut syscalls model chaos kill-matrix wipe fuzz attacks mistakes walk

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## bring this computer to readiness (Debian packages, .venv); ./run and ./test do it by themselves
	@bash -c '. tools/setup.sh'

run: ## the demo: machine, city and emulated hardware (./run)
	@./run

test: ## the whole suite, offscreen (./test)
	@./test

check: ## lint, format, types, import layers, house rules, generated pages
	@bash tools/check.sh

format: setup ## let ruff format and mend what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: setup ## measure speed and memory; a table with min, median, p95
	$(BIN)/python -m benchmarks.run

matrix: power-cut syscalls model chaos kill-matrix wipe ## every long sweep of faults, one after the other

power-cut: setup ## the power is cut at every write of a machine's day
	$(BIN)/python -m tests.matrix.store.power_cut

syscalls: setup ## a filing struck at every write, sync, truncate and unlink (needs strace)
	$(BIN)/python -m tests.matrix.store.syscalls

model: setup ## every state of outbox, network, hub and crashes
	$(BIN)/python -m tests.matrix.link.model

chaos: setup ## 10,000 cases over a bad line, with kills and clock jumps
	$(BIN)/python -m tests.matrix.link.chaos --cases 10000

kill-matrix: setup ## the machine is killed at every point of every service
	$(BIN)/python -m tests.matrix.kill

wipe: setup ## ten visits of one machine, each with another end; what of any of them stays readable anywhere
	$(BIN)/python -m tests.matrix.wipe

walk: setup ## a scripted citizen completes every service and bundle through its pages; a table and the slips in build/walk
	$(BIN)/python -m tests.matrix.walk
	SDL_VIDEODRIVER=offscreen KIVY_NO_ARGS=1 KIVY_NO_CONSOLELOG=1 $(BIN)/python -m tests.matrix.walk --touch

attacks: setup ## what strangers try at each door, on loopback; a table: tried, as it should be, the worst in time and memory
	SDL_VIDEODRIVER=offscreen KIVY_NO_ARGS=1 KIVY_NO_CONSOLELOG=1 \
		$(BIN)/python -m pytest -m attack -p tests.attack_report -n 2 --dist loadfile

fuzz: setup ## every parser of foreign bytes with many inputs: make fuzz COUNT=1000000 SEED=1
	$(BIN)/python -m tests.fuzz --count $(COUNT) --seed $(SEED)

mistakes: setup ## one small mistake after the other is seeded; how many do the tests catch?
	$(BIN)/python -m tests.mistakes

shots: setup ## the scripted demo on a virtual screen; pictures into demo-output/
	$(BIN)/kiosk demo --scripted --output $(SHOTS)

docs: setup ## write the generated pages of docs/ anew
	$(BIN)/python tools/make_docs.py

lock: ## resolve requirements.lock anew from setup.cfg, keeping today's versions where they still fit
	@mkdir -p build
	python3 -m venv --clear build/lock
	build/lock/bin/python -m pip install --quiet uv
	cp requirements.lock build/requirements.lock
	TONGBAN_DISTRIBUTION=all build/lock/bin/uv pip compile setup.cfg --extra dev --extra hub --extra demo --extra ocr --generate-hashes --python-version 3.11 --python-platform linux \
		--no-header --no-annotate --quiet --output-file build/requirements.lock >/dev/null
	@{ head -n 1 requirements.lock; sed '/^#/d' build/requirements.lock; } > build/requirements.new
	mv build/requirements.new requirements.lock

clean: ## remove the environment and everything generated
	rm -rf .venv build demo-output .pytest_cache .ruff_cache .hypothesis tongban.egg-info
