"""The real engine on a CPU, tiny random models, and runs of the workflow with them.

Starting the engine costs half a minute of processor time, so that there is one process for each
caption job, one for the server, and one for all that is asked of the engine directly.
"""

import os
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest
import yaml

from groundsynth.files import write_json

Starter = Callable[..., "subprocess.Popen[str]"]
ROOT = Path(__file__).resolve().parents[2]
ELSEWHERE = (
    "vLLM for CPUs is not in this environment: 'make test-vllm' runs these tests in one of its own"
)
NAMES = ("qwen3", "gemma3", "qwen3-vl")
SETTINGS = {
    "VLLM_CPU_KVCACHE_SPACE": "1",  # GiB
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",  # one process: each further one imports vLLM anew
    "VLLM_NO_USAGE_STATS": "1",
    "VLLM_LOGGING_LEVEL": "WARNING",
    "DO_NOT_TRACK": "1",
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "TOKENIZERS_PARALLELISM": "false",
}
OPTIONS = {
    "distributed_executor_backend": "uni",
    "enforce_eager": True,
    # On CPUs a seeded request dies when its prompt is computed in pieces.
    "enable_chunked_prefill": False,
}
LENGTH, SEQUENCES, TOKENS = 1024, 16, 24
SHORT_LENGTH = 300
"""Context of the runs: enough for every prompt, save one that names the class below."""
RARE = {"name": ("マングローブ林 " * 5).strip(), "codes": [95], "color": [0, 80, 80]}
"""A class of a single pixel; its name takes a token a byte, which is far more than others."""
COMMIT = "0123456789abcdef0123456789abcdef01234567"
"""What the branch main stands for, as the models' receipts say."""
SMALL_IMAGES = {"mm_processor_kwargs": {"size": {"shortest_edge": 1024, "longest_edge": 4096}}}
"""At most four tokens an image in the tiny Qwen3-VL, where 32 x 32 pixels are one."""


@pytest.fixture(scope="session")
def engine_settings(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Environment of this process and its children; skips where the engine is not installed."""
    if packages_distributions().get("vllm") != ["vllm-cpu"]:
        pytest.skip(ELSEWHERE)
    home = tmp_path_factory.mktemp("home")
    folders = {"VLLM_CACHE_ROOT": str(home / "cache"), "VLLM_CONFIG_ROOT": str(home / "config")}
    os.environ.update(SETTINGS | folders)
    return SETTINGS | folders


@pytest.fixture(scope="session")
def models(
    engine_settings: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Path]:
    """Folders of the three tiny models, by name."""
    from tiny_models import WRITERS

    folder = tmp_path_factory.mktemp("models")
    for name in NAMES:
        WRITERS[name](folder / name)
    return {name: folder / name for name in NAMES}


@pytest.fixture(scope="session")
def configuration(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The smallest run, captioned by a tiny model for each of the three methods.

    One patch has a class with a name so long that prompts which name it do not fit.
    """
    content: dict[str, Any] = yaml.safe_load((ROOT / "config" / "micro.yaml").read_text("utf-8"))
    paper: dict[str, Any] = yaml.safe_load((ROOT / "config" / "config.yaml").read_text("utf-8"))
    tree, *others = paper["legend"]["classes"]
    content["legend"] = {"classes": [{**tree, "codes": [10, 90]}, *others, RARE]}
    content["run"]["keep_state"] = True  # the parts are looked at
    greedy = {"engine": "vllm", "temperature": 0, "top_p": 1}
    origin = {name: {"repository": f"tiny/{name}", "revision": "main"} for name in NAMES}
    content["captions"] = {
        "populations": ["real"],
        "captioners": ["tiny_text", "tiny_vision", "tiny_hybrid"],
        "part_size": 2,
        "retry": [],
        "max_bad_percent": 100,  # models that were never trained have nothing to say
        "captioner_definitions": {
            "tiny_text": {**greedy, "method": "text", "model": "qwen3", "temperature": 0.7},
            "tiny_vision": {**greedy, "method": "vision", "model": "gemma3"},
            "tiny_hybrid": {**greedy, "method": "hybrid", "model": "qwen3-vl"},
        },
        "models": origin | {"qwen3-vl": {**origin["qwen3-vl"], "options": SMALL_IMAGES}},
        "vllm": {
            "max_tokens": TOKENS,
            "max_model_len": SHORT_LENGTH,
            "max_num_seqs": SEQUENCES,
            "options": OPTIONS,
        },
    }
    path = tmp_path_factory.mktemp("configuration") / "tiny.yaml"
    path.write_text(yaml.safe_dump(content), "utf-8")
    return path


@pytest.fixture(scope="session")
def place_models(models: dict[str, Path]) -> Callable[[Path], None]:
    """``place_models(folder)``: the models as ``fetch_model`` leaves them in a run's folder."""

    def place(run: Path) -> None:
        fetched = run / "resources" / "models"
        fetched.mkdir(parents=True)
        for name, folder in models.items():
            (fetched / name).symlink_to(folder)
            receipt = {"repository": f"tiny/{name}", "revision": "main", "commit": COMMIT}
            write_json(fetched / f"{name}.json", receipt)

    return place


@pytest.fixture(scope="session")
def start(engine_settings: dict[str, str]) -> Starter:
    """``start(configuration, folder, *words)`` starts a run; its output goes to ``<folder>.log``.

    One caption job at a time, as on a machine with one GPU.
    """

    def launch(configuration: Path, folder: Path, *words: str) -> "subprocess.Popen[str]":
        command = [sys.executable, "-m", "groundsynth.launch", "--profile", "test"]
        command += ["--configuration", str(configuration), "--directory", str(folder)]
        command += ["--", "--resources", "gpu=1", "--", *words]
        with folder.with_name(f"{folder.name}.log").open("a") as log:
            return subprocess.Popen(
                command,
                env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
                stdout=log,
                stderr=subprocess.STDOUT,
                text=True,
                start_new_session=True,
            )

    return launch


@pytest.fixture(scope="session")
def whole(
    start: Starter,
    configuration: Path,
    place_models: Callable[[Path], None],
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """Folder of a run of the caption stage on which nothing was inflicted."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    place_models(folder)
    assert start(configuration, folder, "captions").wait() == 0, said(folder)
    return folder


def said(folder: Path) -> str:
    """What the runs in a folder printed, and the logs of their caption jobs."""
    logs = [
        folder.with_name(f"{folder.name}.log"),
        *(folder / "logs").rglob("caption_*/**/*.log"),
    ]
    return "\n".join(path.read_text("utf-8") for path in logs)
