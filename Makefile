# make demo: compile a network, prove the C right, show what it costs.
# make test: run all tests. Both set up $(VENV) first; neither needs more than Python 3.11 and make.

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

.PHONY: demo test clean

demo: $(VENV)/.target
	$(BIN)/codegen emit mobilenet_v1 --alpha 0.25 --target cortex-m7 -o build/demo --force
	$(BIN)/codegen verify build/demo

test: $(VENV)/.dev
	@sh scripts/install_tools.sh
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pytest

clean:
	rm -rf build dist $(VENV)

# The environment with the extra `target` or `dev`: the stem of the stamp file.
$(VENV)/.%: pyproject.toml scripts/make_venv.sh
	@echo "setting up $(VENV) (some minutes the first time)"
	@sh scripts/make_venv.sh $(VENV)
	@$(PIP) install --editable '.[$*]'
	@touch $@
