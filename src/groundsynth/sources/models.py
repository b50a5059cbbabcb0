"""Weights of captioning models from the Hugging Face hub."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from huggingface_hub import HfApi, snapshot_download
from huggingface_hub.errors import (
    GatedRepoError,
    HFValidationError,
    HTTPError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from groundsynth.errors import FetchError
from groundsynth.sources.model_receipt import write_model_receipt

WANTED = ["*.safetensors", "*.json", "*.txt", "*.model", "*.jinja"]
"""Weights without code, configuration and tokenizer."""
UNWANTED = ["original/*", "consolidated*"]
"""The same weights a second time, in another layout."""


def fetch_model(*, repository: str, revision: str, output: Path, receipt: Path) -> None:
    """Fetch a model's weights (safetensors only), configuration and tokenizer.

    ``output``: a folder, complete or not there; an interrupted download continues. ``receipt``:
    JSON with repository, revision, the commit it stands for, files and bytes. Raises FetchError,
    which for a gated model says how to get access.
    """
    partial = output.with_name(f".{output.name}.partial")
    commit = _download(repository, revision, partial)
    if not any(partial.glob("*.safetensors")):
        raise FetchError(
            f"The model {repository} has no weights in safetensors form at revision {revision}; "
            "choose a model or a revision that has."
        )
    shutil.rmtree(partial / ".cache", ignore_errors=True)
    shutil.rmtree(output, ignore_errors=True)
    partial.replace(output)
    write_model_receipt(
        receipt, repository=repository, revision=revision, commit=commit, folder=output
    )
    if revision != commit:
        print(pinning(output.name, repository, revision, commit), file=sys.stderr)


def pinning(name: str, repository: str, revision: str, commit: str) -> str:
    """One sentence: which commit a branch or tag was, and how later runs are configured for it."""
    entry = f"{{{name}: {{revision: {commit}}}}}"
    return (
        f"The revision {revision} of {repository} may change and was commit {commit}; to have "
        f"these weights in later runs too, configure 'captions: {{models: {entry}}}'."
    )


def _download(repository: str, revision: str, folder: Path) -> str:
    """Download into ``folder``; the commit that ``revision`` stands for."""
    address = f"https://huggingface.co/{repository}"
    try:
        commit = HfApi().model_info(repository, revision=revision).sha or revision
        snapshot_download(
            repository,
            revision=commit,
            local_dir=folder,
            allow_patterns=WANTED,
            ignore_patterns=UNWANTED,
        )
    except GatedRepoError:
        raise FetchError(
            f"The model {repository} is gated: accept its licence at {address} and give a token "
            "of your account in the environment variable HF_TOKEN (or by 'hf auth login')."
        ) from None
    except RevisionNotFoundError:
        raise FetchError(
            f"The model {repository} has no revision {revision!r}; see {address}/commits/main."
        ) from None
    except (RepositoryNotFoundError, HFValidationError):
        raise FetchError(
            f"There is no model {repository} at {address}, or it is private; check the name, or "
            "give a token with access in HF_TOKEN."
        ) from None
    except OfflineModeIsEnabled:
        raise FetchError(
            f"The model {repository} cannot be fetched while HF_HUB_OFFLINE is set; unset it for "
            "the fetching rules."
        ) from None
    except (HTTPError, OSError) as error:
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise FetchError(
            f"The model {repository} could not be downloaded ({first}); run again, it continues "
            "where it broke off."
        ) from None
    return commit
