# make play    a game against the network in the terminal
# make board   the board in the browser: play, look inside, review games
# make test    everything the tests need, then the whole suite
#
# Both set up what they use in .venv, once; `make clean` takes it away again.
# PYTHON=/path/to/python3 chooses the interpreter, TESTS='-k uci' the tests.

SHELL := /bin/bash
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
# Only files whose hashes are in a lock: first what builds packages, then those of a lock, then this
# project, so that no build fetches anything.
INSTALL = $(PIP) --require-hashes --requirement requirements-build.lock \
  && $(PIP) --require-hashes --no-build-isolation --requirement $(1) \
  && $(PIP) --no-deps --no-build-isolation --editable .
TESTS ?=

.PHONY: play board test page page-check chromium stockfish lock clean
.DELETE_ON_ERROR:

play: $(VENV)/installed-play
	@$(BIN)/argmax play

board: $(VENV)/installed-board
	@$(BIN)/argmax board

test: $(VENV)/installed-test stockfish
	$(BIN)/python -m pytest -n 2 --dist loadfile $(TESTS)

# The light install: what playing needs.
$(VENV)/installed-play: pyproject.toml requirements-build.lock requirements-play.lock $(BIN)/python
	@echo "Installing what playing needs into $(VENV) ..." >&2
	@$(call INSTALL,requirements-play.lock)
	@touch $@

# With the server of the board in the browser.
$(VENV)/installed-board: pyproject.toml requirements-build.lock requirements-board.lock $(BIN)/python
	@echo "Installing what the board needs into $(VENV) ..." >&2
	@$(call INSTALL,requirements-board.lock)
	@touch $@ $(VENV)/installed-play

# Everything: data, training, measuring, tests and linters.
$(VENV)/installed-test: pyproject.toml requirements-build.lock requirements.lock $(BIN)/python
	@echo "Installing what the tests need into $(VENV) (some minutes) ..." >&2
	@$(call INSTALL,requirements.lock)
	@touch $@ $(VENV)/installed-play $(VENV)/installed-board

# The environment, from the first suitable Python; a failed attempt leaves nothing behind.
$(BIN)/python:
	@python=$$(for name in $(PYTHON) python3 python3.13 python3.12 python3.11; do \
	  "$$name" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null \
	    && echo "$$name" && break; done); \
	[ "$$python" ] || { echo "make: needs Python 3.11, 3.12 or 3.13; found $$(python3 --version 2>&1 || true)." \
	  "Name one with: make PYTHON=/path/to/python3.12" >&2; exit 1; }; \
	"$$python" -c 'import ensurepip, venv' 2>/dev/null || $(call apt_install,python3-venv); \
	rm -rf $(VENV) && "$$python" -m venv $(VENV)

stockfish:
	@command -v stockfish >/dev/null || [ -x /usr/games/stockfish ] || $(call apt_install,stockfish)

# The board's page: its built files are in the repository, so only who changes it needs Node.
PAGE := uci/board/page
NPM := npm --prefix $(PAGE)

page: $(PAGE)/node_modules
	$(NPM) run --silent check
	$(NPM) run --silent build

$(PAGE)/node_modules: $(PAGE)/package-lock.json
	$(NPM) ci --ignore-scripts --silent
	@touch $@

# That the built files are what the build gives.
page-check: $(PAGE)/node_modules
	@$(NPM) run --silent check
	@built=$$(mktemp -d) && trap 'rm -rf "$$built"' EXIT && BOARD_OUT=$$built $(NPM) run --silent build \
	  && diff -rq "$$built" uci/board/static && echo "The page's built files are up to date." \
	  || { echo "make: expected uci/board/static as the build gives it; run: make page" >&2; exit 1; }

# For the tests of the page; without it they are skipped.
chromium:
	@command -v chromium >/dev/null || ( $(call apt_install,chromium) ) \
	  || echo "make: NO CHROMIUM: THE TESTS OF THE BOARD'S PAGE ARE SKIPPED" >&2

# Installs a Debian package where that needs no password, and says how to where it does.
define apt_install
{ sudo=$$([ $$(id -u) = 0 ] || echo "sudo -n"); export DEBIAN_FRONTEND=noninteractive; \
  { $$sudo apt-get install -y -qq $(1) || { $$sudo apt-get update -qq && $$sudo apt-get install -y -qq $(1); }; } \
    >/dev/null 2>&1 \
  || { echo "make: $(1) is missing; install it with: sudo apt-get install $(1)" >&2; exit 1; }; }
endef

# The newest versions that pyproject.toml allows, for every Python and system, with their hashes:
# requirements.lock has all packages, the others those of smaller installs, at the same versions, and
# requirements-build.lock what builds packages. uv itself is in requirements.lock.
LOCK = $(BIN)/uv pip compile --quiet --universal --fork-strategy fewest --no-emit-index-url \
  --no-annotate --generate-hashes --python-version 3.11 --custom-compile-command "make lock"

lock: $(VENV)/installed-lock
	$(LOCK) --upgrade pyproject.toml --all-extras --group build --output-file requirements.lock
	$(LOCK) --upgrade --constraint requirements.lock --group build --output-file requirements-build.lock
	$(LOCK) --upgrade --constraint requirements.lock pyproject.toml --output-file requirements-play.lock
	$(LOCK) --upgrade --constraint requirements.lock pyproject.toml --extra board --output-file requirements-board.lock

# The locked uv alone, so that a lock that is behind pyproject.toml can be renewed.
$(VENV)/installed-lock: requirements.lock $(BIN)/python
	@sed -n '/^uv==/,/[^\\]$$/p' requirements.lock | $(PIP) --require-hashes --requirement /dev/stdin
	@touch $@

clean:
	rm -rf $(VENV) .pytest_cache .ruff_cache .hypothesis
