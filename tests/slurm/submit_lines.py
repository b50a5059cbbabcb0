"""Run as ``python submit_lines.py WORDS``: a dry run of Snakemake with these words.

Prints what the executor plugin would give to sbatch, one JSON line for the first job of each rule
that is no local rule: name of the rule and words of the submission, the command left out.
"""

import json
import shlex
import sys
from typing import Any

from snakemake.cli import main
from snakemake.executors import dryrun
from snakemake_executor_plugin_slurm.submit_string import get_submit_command
from snakemake_executor_plugin_slurm.utils import set_gres_string
from snakemake_interface_executor_plugins.executors.base import SubmittedJobInfo

seen: set[str] = set()


def record(executor: dryrun.Executor, job: Any) -> None:
    """Stands for the dry run's own way to show a job."""
    if job.rule.name not in seen | job.rule.workflow._localrules:
        seen.add(job.rule.name)
        about = {
            "run_uuid": "test",
            "slurm_logfile": f"logs/slurm/{job.rule.name}.log",
            "comment_str": f"rule_{job.rule.name}",
            "account": f"-A {shlex.quote(job.resources.slurm_account)}",
            "partition": f"-p {shlex.quote(job.resources.slurm_partition)}",
            "workdir": None,
        }
        line = get_submit_command(job, about) + set_gres_string(job)
        print(json.dumps({"rule": job.rule.name, "words": shlex.split(line)}))
    executor.report_job_submission(SubmittedJobInfo(job))
    executor.report_job_success(SubmittedJobInfo(job))


if __name__ == "__main__":
    dryrun.Executor.run_job = record
    main(["-n", "--quiet", "all", *sys.argv[1:]])
