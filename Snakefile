"""Recordings to features to stores to trained models. See the README for the configuration."""

import sys

from snakemake.utils import min_version

from pipeline.errors import InputError
from pipeline.workflow import plan

min_version("9.0")

try:
    PLAN = plan(config, workflow.overwrite_configfiles, Path(workflow.basedir) / "config" / "config.yaml")
except InputError as error:
    sys.exit(f"otogura: {error}")

EXPERIMENTS = list(PLAN.config.experiments)
WORK = PLAN.work.as_posix()
PYTHON = sys.executable


def source(*patterns):
    """Modules that a rule runs: without them as inputs, an edit would rerun nothing."""
    root = Path(workflow.basedir)
    return sorted(path for pattern in patterns for path in root.glob(pattern))


include: "pipeline/rules/features.smk"
include: "pipeline/rules/train.smk"


onsuccess:
    for line in PLAN.quarantined():
        print(line)
