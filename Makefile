# Everything runs in .venv, which these targets make with nothing but Python 3.11+ and a network to PyPI.
PYTHON ?= python3
BIN := .venv/bin
SECONDS ?= 60
# Where npm installed the independent evaluator of AWS requests: npm install --prefix DIR @cloud-copilot/iam-simulate
EVALUATOR ?= /tmp/iamsim
REQUESTS ?= 100000

.PHONY: demo test live fuzz bench docs clean

.venv/.demo: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable '.[demo]'
	touch $@

.venv/.test: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable '.[demo]' --group test
	touch $@ .venv/.demo

demo: .venv/.demo  ## audit a platform with planted mistakes on a real OpenBao and an AWS emulator; writes demo-report.html
	$(BIN)/cred-audit demo -o demo-report.html

test: .venv/.test  ## what CI runs: linters, types, import contracts, docs, all tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest --numprocesses=2 --dist=loadfile

live: .venv/.test  ## the engine against every OpenBao release on PyPI
	$(BIN)/python -m tests.live.versions --seconds $(SECONDS)

fuzz: .venv/.test  ## random rules and requests against a real server and, with EVALUATOR=DIR, an evaluator; SECONDS=60
	$(BIN)/python -m tests.fuzz.vault --seconds $(SECONDS)
	$(BIN)/python -m tests.fuzz.aws --seconds $(SECONDS) --count $(REQUESTS) --evaluator $(EVALUATOR)
	$(BIN)/python -m tests.fuzz.aws_reach --seconds $(SECONDS) --evaluator $(EVALUATOR)

bench: .venv/.test  ## speed and memory, as ratios within one run
	$(BIN)/python -m tests.bench

docs: .venv/.test  ## rewrite the generated parts of the docs
	$(BIN)/python -m tests.docs --write

clean:
	rm -rf .venv .venvs demo-report.html
