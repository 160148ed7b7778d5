"""A time budget: what adds most per minute first, nothing begun that would not end, what is under way saved."""

import os
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.toys import TOYS, Hash
from support.world import SARCASM, SENTIMENT, toy_table

from base_models import LEARNERS
from ensemble.data import Dataset, Task
from ensemble.errors import ConfigError
from ensemble.jobs.job import list_work
from ensemble.jobs.train import train
from ensemble.run import Run
from ensemble.system.interruption import asked, deferred, ending_after
from ensemble.upkeep.budget import EXPECTED, Gains, Spent, seconds_of, train_within

MakeRun = Callable[..., Run]


class Long(Hash):
    """Trains for ``steps`` of .05 seconds, may be asked to end between two, and says where it was."""

    steps = 200
    reached: list[int] = []  # noqa: RUF012

    def modalities(self) -> tuple[str, ...]:
        return ("image",)

    def fit(self, data: Dataset, task: Task, seed: int) -> None:
        with deferred():
            for step in range(self.steps):
                time.sleep(0.05)
                if asked():
                    self.reached.append(step)
                    return
        super().fit(data, task, seed)


REGISTRY = {**TOYS, **LEARNERS, "long": f"{__name__}:Long"}


@given(st.integers(0, 99), st.integers(0, 99), st.integers(0, 99))
def test_a_time_is_written_with_its_units(hours: int, minutes: int, seconds: int) -> None:
    total = 3600 * hours + 60 * minutes + seconds
    if total:
        assert seconds_of(f"{hours}h{minutes}m{seconds}s") == total
        assert seconds_of(f" {hours}H {minutes}M {seconds}S ") == total


def test_usual_times_are_read_and_nonsense_is_refused() -> None:
    assert [seconds_of(text) for text in ("2h", "90m", "1h30m", "45s", "1.5h")] == [7200, 5400, 5400, 45, 5400]
    for text in ("2", "two hours", "2x", "-1h", "h", "0m", "", "30m1h", "1e5h", "nan"):
        with pytest.raises(ConfigError, match="must be a time with its unit, such as 2h, 90m, 1h30m or 45s"):
            seconds_of(text)


def spend(run: Run, seconds: float, jobs: int = 1) -> Spent:
    return train_within(run, list_work(run, run.specs, run.data.tasks, ()), seconds, jobs)


def test_with_time_enough_all_is_done_cheap_ones_first_all_folds_of_one_before_the_next(make_run: MakeRun) -> None:
    learners = {"slow": ("slow", {"seconds": 0.15}), "a": ("hash", {}), "b": ("hash", {"salt": 1})}
    run = make_run(toy_table(30, tasks=(SENTIMENT, SARCASM)), learners, registry=REGISTRY)
    work = list_work(run, run.learners.some(["slow", "a"]), run.data.tasks[:1], [0])
    train(run, work)  # of each one finished job, which tells what the others take
    spent = spend(run, 60)
    assert spent.failures == [] and spent.left == [] and len(spent.order) == 6
    assert spent.order[0] == ("a", "sentiment") and len(set(spent.order)) == 6
    for name in learners:
        assert run.store.base(name, "sarcasm").record.is_file()


def test_a_learner_that_is_not_expected_to_end_in_time_is_not_begun(make_run: MakeRun) -> None:
    run = make_run(toy_table(30), {"slow": ("slow", {"seconds": 0.5}), "a": ("hash", {})}, registry=REGISTRY)
    train(run, list_work(run, run.learners.some(["slow"]), run.data.tasks, [0]))
    spent = spend(run, 0.9)
    assert spent.order == [("a", "sentiment")]
    (left,) = spent.left
    assert left["learner"] == "slow" and (left["done"], left["jobs"]) == (1, run.plan.settings.k)
    assert left["seconds"] is not None and left["seconds"] > 0.9


def test_what_nothing_is_known_of_is_tried_on_one_fold_and_then_judged(make_run: MakeRun) -> None:
    run = make_run(toy_table(30), {"slow": ("slow", {"seconds": 0.6}), "a": ("hash", {})}, registry=REGISTRY)
    spent = spend(run, 1.2)
    assert spent.order == [("a", "sentiment"), ("slow", "sentiment")] or spent.order[0][0] == "slow"
    left = {one["learner"]: one["done"] for one in spent.left}
    assert left == {"slow": 1}


def test_at_the_end_of_the_time_what_is_under_way_ends_in_good_order(make_run: MakeRun) -> None:
    Long.reached.clear()
    run = make_run(toy_table(30), {"long": ("long", {}), "a": ("hash", {})}, registry=REGISTRY)
    started = time.monotonic()
    spent = spend(run, 2)
    assert time.monotonic() - started < 8 and len(Long.reached) == 1
    assert [one["learner"] for one in spent.left] == ["long"] and spent.left[0]["seconds"] is None
    assert run.store.base("a", "sentiment").record.is_file() and not asked()


def test_a_learner_that_fails_is_no_reason_to_stop_the_others(make_run: MakeRun) -> None:
    run = make_run(toy_table(30), {"failing": ("failing", {"task": "sentiment"}), "a": ("hash", {})}, registry=REGISTRY)
    spent = spend(run, 60)
    assert {outcome.job.learner for outcome in spent.failures} == {"failing"}
    assert run.store.base("a", "sentiment").record.is_file() and [one["learner"] for one in spent.left] == ["failing"]


def test_texts_are_expected_to_say_more_and_a_second_of_a_kind_less(make_run: MakeRun) -> None:
    learners = {"prior": ("prior", {}), "words": ("tfidf", {}), "more": ("tfidf", {"words": 1}), "a": ("hash", {})}
    run = make_run(toy_table(60), learners, registry=REGISTRY)
    items = {name: list_work(run, run.learners.some([name]), run.data.tasks, [0])[0] for name in learners}
    before = Gains(run, list(items.values()))
    assert before.of(items["words"]) == before.of(items["more"]) > before.of(items["a"]) > before.of(items["prior"])
    train(run, list_work(run, run.learners.some(["words"]), run.data.tasks, ()))
    assert before.of(items["more"]) == before.of(items["words"]) / 2


def test_earlier_scores_of_the_same_learner_count_more_than_its_kind(make_run: MakeRun) -> None:
    learners = {"words": ("tfidf", {}), "a": ("hash", {})}
    run = make_run(toy_table(60), learners, registry=REGISTRY)
    train(run, list_work(run, run.specs, run.data.tasks, ()))
    again = replace(run, store=type(run.store)(run.store.root.parent / "beside"))
    words, a = (list_work(again, again.learners.some([name]), again.data.tasks, [0])[0] for name in learners)
    gains = Gains(again, [words, a])
    assert gains.of(words) > EXPECTED["text"] and gains.of(a) < gains.of(words) / 2


def test_a_clock_ends_what_is_inside_and_a_person_is_heard_all_the_same() -> None:
    with ending_after(0.05):
        time.sleep(5)
        raise AssertionError("not reached")
    assert not asked()
    with ending_after(5):
        pass
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a process in the background hears none
    try:
        with pytest.raises(KeyboardInterrupt), ending_after(5):
            threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGINT)).start()
            time.sleep(5)
    finally:
        signal.signal(signal.SIGINT, before)


def test_where_no_alarm_can_ring_a_budget_is_refused() -> None:
    refused = []

    def begin() -> None:
        try:
            with ending_after(5):
                raise AssertionError("not reached")
        except ConfigError as error:
            refused.append(str(error))

    other = threading.Thread(target=begin)
    other.start()
    other.join()
    assert len(refused) == 1 and refused[0].startswith("--budget needs an alarm")
