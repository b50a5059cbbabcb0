"""The captioning verbs: one captions table for a shard and a captioner, resumable by parts."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import numpy as np

from groundsynth import __version__
from groundsynth.captioning.engines import grammar, vllm_offline
from groundsynth.captioning.jobs import Captioner, CaptionJob, image_seed, write_captions
from groundsynth.captioning.model_captions import Requests, ask_model
from groundsynth.captioning.parts import Caption
from groundsynth.captioning.prompts import Method, select_prompt
from groundsynth.captioning.wording import Scene
from groundsynth.composition.ids import read_ids, require_rows
from groundsynth.composition.shares import read_composition
from groundsynth.landcover import Legend
from groundsynth.shards import open_array
from groundsynth.sources.model_receipt import fetched_commit


def caption_grammar(
    *,
    masks: Path,
    index: Path,
    composition: Path,
    population: str,
    captioner: str,
    method: Literal["text", "hybrid"],
    legend: dict[str, Any],
    percent_decimals: int,
    seed: int,
    part_size: int,
    state: Path,
    keep_state: bool,
    output: Path,
) -> None:
    """Write captions of a shard by the grammar: from the shares (text), or also the map (hybrid).

    Reads masks, uint8 [N, H, W], the index and the composition table; writes the captions table
    in the order of the index. Finished parts are kept in the state folder.
    """
    classes = Legend.from_json(legend)
    ids = read_ids(index, population)
    maps = open_array(masks, dimensions=3)
    require_rows(masks, len(maps), index, ids)
    found = read_composition(composition, classes).aligned(ids, composition)

    def write(rows: list[int]) -> list[Caption]:
        return [write_one(row) for row in rows]

    def write_one(row: int) -> Caption:
        scene = Scene(
            found.shares[row].tolist(), found.unlabelled[row], classes.names, percent_decimals
        )
        mask = np.asarray(maps[row]) if method == "hybrid" else None
        return grammar.grammar_caption(scene, mask, image_seed(seed, ids[row]))

    job = CaptionJob(
        verb="caption-grammar",
        ids=ids,
        constants={
            "population": population,
            "captioner": captioner,
            "prompt_version": f"grammar-{grammar.VERSION}",
            "model": grammar.ENGINE,
            "revision": grammar.VERSION,
            "engine": grammar.ENGINE,
            "engine_version": __version__,
        },
        parameters={
            "captioner": captioner,
            "method": method,
            "legend": legend,
            "percent_decimals": percent_decimals,
            "seed": seed,
            "grammar": grammar.VERSION,
        },
        inputs=[masks, index, composition],
        part_size=part_size,
        state=state,
        keep_state=keep_state,
        output=output,
    )
    write_captions(job, lambda: write)


def caption_vllm(
    *,
    images: Path,
    index: Path,
    composition: Path,
    population: str,
    captioner: str,
    method: Method,
    legend: dict[str, Any],
    model: Path,
    repository: str,
    revision: str,
    prompt_version: str,
    percent_decimals: int,
    temperature: float,
    top_p: float,
    max_tokens: int,
    max_model_len: int,
    max_num_seqs: int,
    gpu_memory_utilization: float,
    tensor_parallel: int,
    dtype: str,
    seed: int,
    part_size: int,
    state: Path,
    keep_state: bool,
    output: Path,
    retry: list[Literal["empty", "truncated"]] | None = None,
    max_bad_percent: float = 100.0,
    engine_options: dict[str, Any] | None = None,
    receipt: Path | None = None,
) -> None:
    """Write captions of a shard by a language model in vLLM, loaded from the folder ``model``.

    Reads images, uint8 [N, H, W, 3] RGB, the index and the composition table; writes the
    captions table in the order of the index. A part is one batch of the engine: hundreds keep a
    GPU busy. ``engine_options`` are further arguments of ``vllm.LLM``. The table names the commit
    that the ``receipt`` of ``fetch-model`` has for ``revision``, or without one the revision.
    """
    vllm_offline.require_free(engine_options or {})
    fetched = revision if receipt is None else fetched_commit(receipt)
    prompt = select_prompt(prompt_version, method)
    requests = Requests(images, index, composition, population, method, legend, percent_decimals)
    limits = vllm_offline.modality_limits(model, with_images=method != "text")
    sampling = vllm_offline.Sampling(temperature, top_p, max_tokens)
    job = CaptionJob(
        verb="caption-vllm",
        ids=requests.ids,
        constants={
            "population": population,
            "captioner": captioner,
            "prompt_version": prompt_version,
            "model": repository,
            "revision": fetched,
            "engine": vllm_offline.ENGINE,
            "engine_version": vllm_offline.engine_version(),
        },
        parameters={
            "captioner": captioner,
            "method": method,
            "legend": legend,
            "model": [repository, fetched],
            "prompt": [prompt.instruction, prompt.lead],
            "percent_decimals": percent_decimals,
            "sampling": [temperature, top_p, max_tokens],
            "max_model_len": max_model_len,
            "dtype": dtype,
            "seed": seed,
            "retry": sorted(retry or []),
            "engine_options": engine_options or {},
        },
        inputs=[images, index, composition, model / "config.json"],
        part_size=part_size,
        max_bad_percent=max_bad_percent,
        state=state,
        keep_state=keep_state,
        output=output,
    )

    def load() -> Captioner:
        engine = vllm_offline.load_engine(
            model,
            sampling=sampling,
            limits=limits,
            max_model_len=max_model_len,
            max_num_seqs=max_num_seqs,
            gpu_memory_utilization=gpu_memory_utilization,
            tensor_parallel=tensor_parallel,
            dtype=dtype,
            seed=seed,
            options=engine_options or {},
        )
        return lambda rows: ask_model(engine, prompt, requests, rows, seed, retry or [])

    write_captions(job, load)
