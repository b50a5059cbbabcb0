"""What a plan costs: our dry run beside that of a bare workflow of equally many jobs.

The bare one has one rule with one input and one output and no parameters: what it takes is
Snakemake's own. Both run in turn; CPU seconds of the whole process, the median of the pairs'
ratios with the lowest and highest. On SLURM every job builds the plan again.
"""

from __future__ import annotations

import argparse
import re
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parents[2]
BARE = """
rule all:
    input: expand("made/{{number}}.txt", number=range({jobs})),

rule make:
    input: "given/{{number}}.txt",
    output: "made/{{number}}.txt",
    shell: "cp {{input}} {{output}}"

rule give:
    output: "given/{{number}}.txt",
    shell: "touch {{output}}"
"""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--configfile", nargs="*", default=[], help="overlays; none: the paper")
    options = parser.parse_args()
    ours = ["--snakefile", str(ROOT / "Snakefile")]
    if options.configfile:
        ours += ["--configfile", *(str(Path(path).resolve()) for path in options.configfile)]
    with tempfile.TemporaryDirectory() as folder:
        jobs = _planned(ours, folder)
        bare = Path(folder, "bare.smk")
        bare.write_text(BARE.format(jobs=(jobs - 1) // 2), "utf-8")
        _seconds(ours, folder), _seconds(["--snakefile", str(bare)], folder)  # warms the disk
        pairs = [
            (_seconds(ours, folder), _seconds(["--snakefile", str(bare)], folder))
            for _ in range(options.pairs)
        ]
    mine, theirs = (median(pair[side] for pair in pairs) for side in (0, 1))
    ratios = [pair[0] / pair[1] for pair in pairs]
    print(f"{jobs} jobs: ours {mine:.2f}, bare workflow {theirs:.2f} CPU seconds; ", end="")
    print(f"ratio {median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})")


def _snakemake(words: list[str], folder: str) -> str:
    command = [sys.executable, "-m", "snakemake", "-n", "--quiet", "rules", "--directory", folder]
    return subprocess.run([*command, *words], check=True, capture_output=True, text=True).stdout


def _planned(words: list[str], folder: str) -> int:
    """Jobs of the plan."""
    found = re.search(r"^total +(\d+)", _snakemake(words, folder), re.MULTILINE)
    if found is None:
        sys.exit("Snakemake printed no plan; run the same with -n by hand to see why.")
    return int(found[1])


def _seconds(words: list[str], folder: str) -> float:
    """CPU seconds of one dry run, all threads, user and system."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    _snakemake(words, folder)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


if __name__ == "__main__":
    main()
