"""Ctrl-C and SIGTERM: the first saves what is under way, the second does not wait for it."""

import signal
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from support.networks import Net, curve, fit, quick, same_weights, toy_problem

from ensemble.system import interruption
from ensemble.system.files import write_atomic
from ensemble.system.progress import Label, Track


@pytest.fixture(autouse=True)
def listening(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(interruption, "_asked", False)
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    interruption.listen()
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def stopped_after(steps: int, number: int, times: int = 1) -> Track:
    """The signal comes during a step."""

    def track(items: Iterable[int], label: Label, total: int) -> Iterator[int]:
        for done, item in enumerate(items):
            for _ in range(times if done == steps else 0):
                signal.raise_signal(number)
            yield item

    return track


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("steps", [1, 2, 3, 4, 9])
def test_a_training_is_saved_at_the_end_of_its_step_and_goes_on_from_there(
    tmp_path: Path, number: int, steps: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    training = quick(checkpoint_minutes=60.0)  # nothing else would be saved
    whole = Net(dropout=0.3)
    expected = fit(whole, toy_problem(), training)
    with pytest.raises(KeyboardInterrupt):
        fit(Net(dropout=0.3), toy_problem(), training, tmp_path, stopped_after(steps, number))
    assert [path.name for path in tmp_path.glob("checkpoint-*")] == [f"checkpoint-{steps}"]
    monkeypatch.setattr(interruption, "_asked", False)  # another process
    network = Net(dropout=0.3)
    found = fit(network, toy_problem(), training, tmp_path)
    assert same_weights(network, whole) and curve(found) == curve(expected)


def test_the_second_signal_ends_a_training_at_once(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        fit(Net(), toy_problem(), quick(), tmp_path, stopped_after(2, signal.SIGINT, times=2))
    assert not list(tmp_path.glob("checkpoint-*"))


def test_where_nothing_is_under_way_one_signal_is_enough() -> None:
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGTERM)


def test_a_file_is_written_to_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    real = os.fsync

    def interrupted(number: int) -> None:
        signal.raise_signal(signal.SIGINT)
        real(number)

    monkeypatch.setattr(os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_atomic(tmp_path / "whole", b"all of it")
    assert (tmp_path / "whole").read_bytes() == b"all of it" and len(list(tmp_path.iterdir())) == 1


def test_work_in_work_is_ended_at_the_outermost() -> None:
    told: list[str] = []
    with pytest.raises(KeyboardInterrupt), interruption.deferred():
        with interruption.deferred():
            signal.raise_signal(signal.SIGTERM)
            assert interruption.asked()
        told.append("after the inner")
    assert told == ["after the inner"]


def test_who_works_for_another_is_told_twice_and_still_saves(monkeypatch: pytest.MonkeyPatch) -> None:
    interruption.listen_as_worker()
    told: list[str] = []
    with pytest.raises(KeyboardInterrupt), interruption.deferred():
        signal.raise_signal(signal.SIGTERM)  # as a cluster sends it to all processes
        signal.raise_signal(signal.SIGTERM)  # as the driver passes it on
        signal.raise_signal(signal.SIGINT)
        told.append("saved")
    assert told == ["saved"]
