# `make demo` and `make test` work as the first command in a fresh clone: all they need is make and Python 3.11
# or later with its venv module. What they install goes into .venv, and nowhere else.

VENV := .venv
BIN := $(VENV)/bin
CONSTRAINTS := constraints.txt
NATIVE := sklearn_rnn/nn/kernels/native
IN_PARALLEL := --numprocesses auto --maxprocesses 4 --dist worksteal
# Calling the environment's own programs by path makes it irrelevant which environment is active.

.PHONY: help demo docs test test-lowest test-native lint format clean
.NOTPARALLEL:
.DELETE_ON_ERROR:

help:  ## show this list
	@sed -n 's/^\([a-z-]*\):.*## */  make \1	/p' Makefile

demo: $(VENV)/installed-plot  ## run examples/demo.py
	@$(BIN)/python examples/demo.py

docs: $(VENV)/installed-docs  ## build the documentation: docs/_build/html/index.html
	@rm -rf docs/generated
	@$(BIN)/python -m sphinx -W --keep-going -q docs docs/_build/html
	@echo 'Built docs/_build/html/index.html'

test: lint  ## lint, then run the tests and the examples in the docstrings
	@$(BIN)/python -m pytest $(IN_PARALLEL)

test-lowest:  ## run the tests on the lowest versions that pyproject.toml allows, in .venv-lowest
	@$(MAKE) --no-print-directory VENV=.venv-lowest CONSTRAINTS=constraints-lowest.txt .venv-lowest/installed-test
	@.venv-lowest/bin/python -m pytest $(IN_PARALLEL) tests  # docstrings show what the newest NumPy and torch print

test-native:  ## check the compiled loops under the sanitizers of a C compiler
	@mkdir -p build
	@$(CC) -g -O1 -fsanitize=address,undefined -fno-sanitize-recover=all -ffp-contract=fast \
	    -DLONGEST_PAUSE=0 -I$(NATIVE) tests/native/check_loops.c $(NATIVE)/*.c -lm -lpthread -o build/check_loops
	@build/check_loops
	@$(CC) -g -O1 -fsanitize=address,undefined -fno-sanitize-recover=all -DLONGEST_PAUSE=0 \
	    tests/native/check_team.c $(NATIVE)/team.c -lpthread -o build/check_team
	@build/check_team
	@$(CC) -g -O1 -fsanitize=undefined -fno-sanitize-recover=all -DLONGEST_PAUSE=0 \
	    tests/native/check_team.c $(NATIVE)/team.c -lpthread -o build/check_team_forks  # others lock in forks
	@build/check_team_forks forks
	@$(CC) -g -O1 -fsanitize=thread -DLONGEST_PAUSE=0 tests/native/check_team.c $(NATIVE)/team.c -lpthread \
	    -o build/check_team_threads
	@build/check_team_threads

lint: $(VENV)/installed-test  ## check style, layout and the direction of imports
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports --no-logo

format: $(VENV)/installed-test  ## lay out the code anew and make the repairs that are safe
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

clean:  ## remove what the tools leave behind (the environment, .venv, stays)
	@rm -rf build dist docs/_build docs/generated $(NATIVE)/_loops.* *.egg-info .pytest_cache .ruff_cache .import_linter_cache
	@find . -path ./$(VENV) -prune -o -name __pycache__ -type d -prune -exec rm -rf {} +

# installed-X: the package, editable, with the extra X. The version is in sklearn_rnn/__init__.py. The compiled
# loops are built anew when they change; where that fails, the package does without.
$(VENV)/installed-%: pyproject.toml setup.py $(CONSTRAINTS) sklearn_rnn/__init__.py $(wildcard $(NATIVE)/*.[ch])
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || { \
	    for python in python3.11 python3 python3.12 python3.13 python; do \
	        if $$python -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; \
	        then found=$$python; break; fi; \
	    done; \
	    [ "$$found" ] || { echo 'Python 3.11 or later, with its venv module, was not found.' >&2; exit 1; }; \
	    echo "Making $(VENV) with $$($$found --version)" && $$found -m venv $(VENV); \
	}
	@echo 'Installing into $(VENV) (the first time takes minutes: torch is large)'
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --progress-bar off \
	    --constraint $(CONSTRAINTS) --editable '.[$*]'
	@touch $@
