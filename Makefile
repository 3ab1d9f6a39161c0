# make demo    installs what the demo needs into .venv and starts it on http://127.0.0.1:7860
# make test    installs everything the tests need (Chromium and PostgreSQL too, where apt-get can) and runs them
# make check   lint, types, and the tests that are quick and need no browser: for the way of working between commits
# make bench   times the networks on this machine
# make docs    writes the API's pages from the docstrings

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Python compiles what it imports; all that is installed would take pip a minute.
PIP := $(BIN)/python -m pip install --disable-pip-version-check -q --no-compile

.PHONY: demo test suite check bench lint docs clean

demo: $(VENV)/demo.stamp
	$(BIN)/python app.py

# Two things at a time: pip beside apt-get, and mypy, which has one core, beside the tests.
test:
	$(MAKE) --no-print-directory -j 2 $(VENV)/dev.stamp services
	$(MAKE) --no-print-directory -j 2 lint suite

suite: $(VENV)/dev.stamp
	$(BIN)/python -m pytest -q -r fER -n 2 --dist loadfile --no-loadscope-reorder --durations 25 --durations-min 5 tests

check: $(VENV)/dev.stamp lint
	$(BIN)/python -m pytest -q -n 2 --dist loadfile --no-loadscope-reorder -m "not slow and not browser" tests

bench: $(VENV)/dev.stamp
	$(BIN)/python -m unmask bench

lint: $(VENV)/dev.stamp
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: $(VENV)/dev.stamp
	$(BIN)/python scripts/api_docs.py

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/demo.stamp: requirements.txt | $(VENV)/bin/python
	$(PIP) -r requirements.txt
	touch $@

$(VENV)/dev.stamp: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(PIP) -c constraints.txt -e ".[dev]"
	touch $@

# A browser for the browser tests and PostgreSQL for the study's; what is missing, and cannot be had from apt-get, skips
# its tests. Debian's headless shell of Chromium has no windows to draw, which is half of what Chromium does here.
.PHONY: services
services:
	@missing=""; \
	[ -n "$$(which chromium-headless-shell chromium chromium-browser google-chrome)" ] || missing="chromium"; \
	ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || missing="$$missing postgresql"; \
	[ -z "$$missing" ] || { \
	  [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && apt-get update -qq \
	  && { [ -z "$$(apt-cache search --names-only '^chromium-headless-shell$$')" ] \
	       || missing="$$(echo "$$missing" | sed s/chromium/chromium-headless-shell/)"; } \
	  && apt-get install -y -qq $$missing; \
	} || echo "Without $$missing some tests will be skipped."

clean:
	rm -rf $(VENV) .pytest_cache .ruff_cache .mypy_cache
