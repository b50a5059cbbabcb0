"""The verb ``caption-openai``: captions of a shard by an OpenAI-compatible server."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from groundsynth.captioning.engines import openai_server
from groundsynth.captioning.engines.answers import Sampling
from groundsynth.captioning.jobs import Captioner, CaptionJob, write_captions
from groundsynth.captioning.model_captions import Requests, ask_model
from groundsynth.captioning.prompts import Method, select_prompt
from groundsynth.provenance import digest_of_value


def caption_openai(
    *,
    images: Path,
    index: Path,
    composition: Path,
    population: str,
    captioner: str,
    method: Method,
    legend: dict[str, Any],
    base_url: str,
    served_model: str,
    prompt_version: str,
    percent_decimals: int,
    temperature: float,
    top_p: float,
    max_tokens: int,
    concurrency: int,
    timeout: float,
    retries: int,
    seed: int,
    part_size: int,
    retry: list[Literal["empty", "truncated"]],
    max_bad_percent: float,
    state: Path,
    keep_state: bool,
    output: Path,
    needs_key: bool = False,
) -> None:
    """Write captions of a shard by ``served_model`` on the server at ``base_url`` (.../v1).

    Reads images, uint8 [N, H, W, 3] RGB, the index and the composition table; writes the
    captions table in the order of the index. Up to ``concurrency`` requests run at once, each
    with ``timeout`` seconds and ``retries`` further tries. The key is the environment's
    OPENAI_API_KEY; servers without keys need none, and ``needs_key`` refuses to ask without one.
    Captions of another server are never continued: what answers at another address under the
    same name may be another model, quantised otherwise or of another version.
    """
    if needs_key:
        openai_server.require_key(captioner)
    prompt = select_prompt(prompt_version, method)
    requests = Requests(images, index, composition, population, method, legend, percent_decimals)
    job = CaptionJob(
        verb="caption-openai",
        ids=requests.ids,
        constants={
            "population": population,
            "captioner": captioner,
            "prompt_version": prompt_version,
            "model": served_model,
            "revision": "as served",
            "engine": openai_server.ENGINE,
            "engine_version": openai_server.engine_version(),
        },
        parameters={
            "captioner": captioner,
            "method": method,
            "legend": legend,
            "model": served_model,
            "server": digest_of_value(base_url),  # provenance names no host
            "prompt": [prompt.instruction, prompt.lead],
            "percent_decimals": percent_decimals,
            "sampling": [temperature, top_p, max_tokens],
            "seed": seed,
            "retry": sorted(retry),
        },
        inputs=[images, index, composition],
        part_size=part_size,
        max_bad_percent=max_bad_percent,
        state=state,
        keep_state=keep_state,
        output=output,
    )

    def load() -> Captioner:
        server = openai_server.Server(base_url, served_model, concurrency, timeout, retries)
        engine = openai_server.ServerEngine(server, Sampling(temperature, top_p, max_tokens))
        return lambda rows: ask_model(engine, prompt, requests, rows, seed, retry)

    write_captions(job, load)
