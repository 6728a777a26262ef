# The commands of the README; each does its own set-up with nothing but Python and make.
PYTHON ?= python3
BIN := .venv/bin
# Without --no-compile pip compiles fourteen thousand modules, most of which are never imported: half a minute.
INSTALL = $(BIN)/pip install --quiet --disable-pip-version-check --no-compile --constraint constraints.txt

# Container images often set it; each of hundreds of processes would then compile all that it imports once more.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test bench bench-gpu docs faults mutants clean

demo: .venv/.demo
	$(BIN)/snakemake --cores all features
	$(BIN)/snakemake train_genre
	@$(BIN)/otogura runs

# Two tests at a time, each on one core: threads that wait for each other on a busy machine take several times as long.
test: .venv/.test
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	OMP_NUM_THREADS=1 $(BIN)/pytest --numprocesses 2 --dist worksteal

# OTOGURA_FAULTS_CORPUS=folder takes recordings of one's own.
faults: .venv/.test
	OTOGURA_FAULTS_KILLS=100 $(BIN)/pytest tests/faults

# Hours: changes one small thing at a time and sees whether a test notices. Broken off, it goes on where it was.
mutants: .venv/.mutants
	PATH="$(CURDIR)/$(BIN):$$PATH" OMP_NUM_THREADS=1 $(BIN)/mutmut run
	$(BIN)/python tests/support/mutation_score.py

# The environment is that of the workers: one thread, and memory that is kept for the next clip.
bench: .venv/.bench
	OMP_NUM_THREADS=1 MALLOC_MMAP_MAX_=0 MALLOC_TRIM_THRESHOLD_=268435456 GLIBC_TUNABLES=glibc.malloc.hugetlb=1 \
	exec $(BIN)/python -m benchmarks

# Where no network is, docs/benchmarks.md says how the packages get there.
bench-gpu: .venv/.demo
	$(BIN)/python -m benchmarks.gpu

# The pages, as work/docs/index.html; a broken link or a docstring that is none is an error.
docs: .venv/.docs
	$(BIN)/python docs/configuration.py
	$(BIN)/sphinx-build --fail-on-warning --keep-going --quiet --doctree-dir work/docs/.doctrees docs work/docs

clean:
	rm -rf .venv work .snakemake mutants

.venv/bin/pip:
	$(PYTHON) -m venv .venv

.venv/.demo: .venv/bin/pip pyproject.toml constraints.txt
	$(INSTALL) --editable .
	@touch $@

.venv/.test: .venv/bin/pip pyproject.toml constraints.txt
	$(INSTALL) --editable ".[test]"
	@touch $@

.venv/.mutants: .venv/bin/pip pyproject.toml constraints.txt
	$(INSTALL) --editable ".[test,mutants]"
	@touch $@

.venv/.docs: .venv/bin/pip pyproject.toml constraints.txt
	$(INSTALL) --editable ".[docs]"
	@touch $@

# litdata and MosaicML Streaming ask for torchvision and older packages than the rest, and read tensors without them.
.venv/.bench: .venv/bin/pip pyproject.toml constraints.txt
	$(INSTALL) --editable ".[bench]"
	$(INSTALL) --no-deps litdata boto3 botocore jmespath s3transfer obstore tifffile
	$(INSTALL) --no-deps mosaicml-streaming brotli catalogue cramjam python-snappy xxhash zstd
	@touch $@
