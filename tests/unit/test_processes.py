"""Processes of one training: sums, what they share, and one that is alone."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from processes_in_threads import together
from torchrun import TORCHRUN

from groundsynth.parts import WHOLE, Part
from groundsynth.processes import Processes, join_processes

ALONE = Processes(torch.device("cpu"))
MEETING = """
import torch
from groundsynth.processes import join_processes

with join_processes("cpu") as processes:
    rank = processes.rank
    torch.manual_seed(rank)
    turned = torch.full((2, 3, 4, 4), float(rank + 1)).to(memory_format=torch.channels_last)
    turned[0, 1] = 5 + rank
    whole, count = torch.tensor([1.0 + rank]), torch.tensor(7 * (rank + 1))
    processes.share([turned, whole, count])
    assert (turned[1] == 1).all() and (turned[0, 1] == 5).all(), turned
    assert turned.is_contiguous(memory_format=torch.channels_last)
    assert (whole.item(), count.item()) == (1.0, 7)
    first = torch.rand(3)
    torch.manual_seed(0)
    assert torch.equal(first, torch.rand(3)), "the random state of the first"
    counts = torch.tensor([[rank, 2]], dtype=torch.int64)
    processes.add_up(counts)
    assert counts.tolist() == [[1, 4]]
    assert processes.any(rank == 1) and not processes.any(False)
    print("met", rank)
"""


def test_two_processes_meet(tmp_path: Path) -> None:
    program = tmp_path / "meeting.py"
    program.write_text(MEETING, "utf-8")
    command = [sys.executable, *TORCHRUN, str(program)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("met") == 2


def test_one_process_needs_no_launcher(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    with join_processes("cpu") as processes:
        assert processes == ALONE
        assert processes.part == WHOLE
        assert processes.any(True)
        assert not processes.any(False)
        values = torch.ones(2)
        assert processes.total(values) is values


def test_gradients_of_a_loss_of_totals_add_up() -> None:
    """sum(w x)^2 over all x: its gradient is 2 sum(w x) x."""
    x = torch.tensor([1.0, 2.0, 3.0, 4.0], dtype=torch.float64)

    def work(processes: Processes) -> tuple[float, list[float]]:
        w = torch.full((1, 2), 0.5, dtype=torch.float64, requires_grad=True)
        idle = torch.zeros(3, requires_grad=True)
        loss = processes.total((w[0, :1] * x[processes.part.rows(2)]).sum()) ** 2
        loss.backward()
        processes.add_up_gradients([idle, w])
        assert idle.grad is None
        assert w.grad is not None
        return loss.item(), w.grad[0].tolist()

    assert together(2, work) == [(25.0, [100.0, 0.0])] * 2


def test_parts_of_processes() -> None:
    second = Processes(torch.device("cpu"), 1, 3)
    assert second.part == Part(1, 3)
    assert not second.first
