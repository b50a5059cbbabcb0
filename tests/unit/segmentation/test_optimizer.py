"""The clipped AdamW against PyTorch's own AdamW after PyTorch's own clipping."""

import io
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest
import torch
from torch import nn

from groundsynth.segmentation import optimizer
from groundsynth.segmentation.architectures import build_model
from groundsynth.segmentation.optimizer import ClippedAdamW

RATE, DECAY, CLIP, STEPS = 1e-2, 0.05, 1.0, 6


def trained(
    make: Callable[[list[nn.Parameter]], torch.optim.Optimizer], saved_after: int | None = None
) -> tuple[nn.Module, dict[str, Any], list[float]]:
    """A model after some steps, the optimizer's state, and the norms of the gradients.

    Odd steps have gradients that are clipped. After ``saved_after`` steps all goes on from disk.
    """
    torch.manual_seed(0)
    model = build_model("fpn", "tu-mobilenetv3_small_050", 5)
    model = model.double().to(memory_format=torch.channels_last)
    steps, norms = make(list(model.parameters())), []
    for step in range(STEPS):
        if step == saved_after:
            stream = io.BytesIO()
            torch.save([model.state_dict(), steps.state_dict()], stream)
            stream.seek(0)
            weights, state = torch.load(stream, weights_only=True)
            model.load_state_dict(weights)
            steps = make(list(model.parameters()))
            steps.load_state_dict(state)
        torch.manual_seed(step)
        steps.zero_grad()
        loss = model(torch.randn(4, 3, 32, 32, dtype=torch.float64)).square().mean()
        (loss * (5 if step % 2 else 0.01)).backward()
        gradients = [p.grad for p in model.parameters()]
        norms.append(float(torch.nn.utils.get_total_norm(gradients)))
        steps.step()
    return model, steps.state_dict(), norms


class Plain(torch.optim.AdamW):
    def __init__(self, parameters: list[nn.Parameter]) -> None:
        super().__init__(parameters, lr=RATE, weight_decay=DECAY, foreach=False)
        self.parameters = parameters

    def step(self, closure: Any = None) -> None:
        torch.nn.utils.clip_grad_norm_(self.parameters, CLIP)
        super().step(closure)


class Ours(ClippedAdamW):
    def __init__(self, parameters: list[nn.Parameter]) -> None:
        super().__init__(parameters, RATE, DECAY, CLIP)

    def step(self, closure: Any = None) -> None:
        self.take_gradients()
        super().step(closure)


@pytest.fixture(params=[0, 500, 10**9], ids=["none joined", "some joined", "all joined"])
def _joined(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(optimizer, "SMALL", request.param)


@pytest.mark.usefixtures("_joined")
def test_weights_and_state_are_those_of_pytorch() -> None:
    (theirs, their_state, norms), (ours, our_state, _) = trained(Plain), trained(Ours)
    assert min(norms) < CLIP < max(norms)
    for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-4, atol=1e-4)  # a float32 scales
    assert our_state["state"].keys() == their_state["state"].keys()
    for number, values in their_state["state"].items():
        for name, value in values.items():
            found = our_state["state"][number][name]
            assert found.shape == value.shape
            torch.testing.assert_close(found, value, rtol=1e-4, atol=1e-5)
    assert our_state["param_groups"][0]["params"] == their_state["param_groups"][0]["params"]


@pytest.mark.usefixtures("_joined")
def test_it_goes_on_from_disk_to_the_bit() -> None:
    (whole, state, _), (parts, other, _) = trained(Ours), trained(Ours, saved_after=3)
    assert all(map(torch.equal, whole.parameters(), parts.parameters()))
    for number, values in state["state"].items():
        assert all(torch.equal(values[name], other["state"][number][name]) for name in values)


def test_it_goes_on_from_a_state_of_pytorchs() -> None:
    """Also one whose moments lie in memory otherwise than the parameters."""
    torch.manual_seed(0)
    start = torch.randn(6, 5, 3, 3)
    gradients = torch.randn(4, 6, 5, 3, 3)
    one = nn.Parameter(start.clone())
    other = nn.Parameter(start.clone().to(memory_format=torch.channels_last))
    theirs = Plain([one])
    for gradient in gradients[:2]:
        one.grad = gradient
        theirs.step()
    with torch.no_grad():
        other.copy_(one)
    ours = Ours([other])
    ours.load_state_dict(deepcopy(theirs.state_dict()))
    for gradient in gradients[2:]:
        one.grad, other.grad = gradient.clone(), gradient.clone()
        theirs.step()
        ours.step()
    torch.testing.assert_close(other, one)


def test_parameters_that_are_not_used() -> None:
    """As the head of an encoder: a state of PyTorch's knows nothing of them."""
    large, small = optimizer.SMALL + 1, 3

    def step(steps: torch.optim.Optimizer, used: list[nn.Parameter]) -> None:
        steps.zero_grad()
        for parameter in used:
            parameter.grad = torch.full_like(parameter, 0.01)
        steps.step()

    theirs = [nn.Parameter(torch.ones(size)) for size in (large, small, large, small)]
    plain = Plain(theirs)
    step(plain, theirs[:2])
    ours = [nn.Parameter(parameter.detach().clone()) for parameter in theirs]
    steps = Ours(ours)
    steps.load_state_dict(deepcopy(plain.state_dict()))
    step(plain, theirs[:2])
    step(steps, ours[:2])
    for mine, other in zip(ours[:3], theirs[:3], strict=True):
        torch.testing.assert_close(mine, other)
    torch.testing.assert_close(ours[3].detach(), torch.full((3,), 1 - RATE * DECAY))
    assert set(steps.state_dict()["state"]) == {0, 1, 3}


def test_its_state_serves_pytorchs_own() -> None:
    """Each parameter counts its steps for itself."""
    parameters = [nn.Parameter(torch.ones(2)) for _ in range(3)]
    steps = Ours(parameters)
    plain = Plain(parameters)
    for parameter in parameters:
        parameter.grad = torch.ones(2)
    steps.step()
    plain.load_state_dict(steps.state_dict())
    plain.step()
    assert [float(values["step"]) for values in plain.state_dict()["state"].values()] == [2, 2, 2]


def test_no_gradient_outlives_its_step() -> None:
    parameters = [nn.Parameter(torch.ones(size)) for size in (2, optimizer.SMALL + 1)]
    steps = Ours(parameters)
    for parameter in parameters:
        parameter.grad = torch.ones_like(parameter)
    steps.step()
    steps.zero_grad()
    assert all(tensor.grad is None for tensor in (*parameters, *steps.rows))


def test_a_scaler_of_losses_skips_a_step_that_overflowed() -> None:
    """What a GradScaler on a GPU tells: ``found_inf`` is its own, and gone after the step."""
    weight = nn.Parameter(torch.ones(3))
    steps = Ours([weight])
    weight.grad = torch.full((3,), float("inf"))
    steps.found_inf = torch.ones(())
    steps.step()
    assert torch.equal(weight.detach(), torch.ones(3))
    del steps.found_inf
    weight.grad = torch.ones(3)
    steps.step()
    assert (weight < 1).all()
