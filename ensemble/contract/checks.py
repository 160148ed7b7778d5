"""The contract of base learners, check by check: each returns where its sentence holds, else says what does not."""

import inspect
import tempfile
from collections.abc import Callable, Iterator
from contextlib import chdir
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ensemble.contract.case import BrokenContract, Case, expect, hidden
from ensemble.contract.writes import watched
from ensemble.errors import LearnerError, first_line
from ensemble.features import FeatureCache
from ensemble.learner import PredictsSpread, Prepares
from ensemble.modalities import MODALITIES, modalities_of

CLOSE = 1e-4  # what other batches and other paddings may change, in 32 bits
KINDS = ("classification", "regression")
SAY_NOTHING = ("", "\x01\x02\x7f", "same words", "love " * 2_000)


def stores_parameters(case: Case) -> None:
    taken = set(inspect.signature(type(case.make())).parameters)
    kept = {name for name in vars(case.make()) if not name.startswith("_")}
    expect(kept <= taken, f"keeps {sorted(kept - taken)}, which are no arguments of it")
    with watched() as written:
        case.make()
    expect(not written, f"writes {', '.join(map(str, written))} when it is made")


def predicts(case: Case) -> None:
    case.predicted  # noqa: B018 (checked where it is made)
    if isinstance(case.fitted, PredictsSpread):
        again, spread = case.fitted.predict_with_spread(case.held)
        case.expect_same(again.reshape(case.predicted.shape), case.predicted, 0, "with and without their spread")
        expect(spread.shape == again.shape and (spread >= 0).all(), "the spread has another shape, or is below 0")


def repeats_itself(case: Case) -> None:
    one, other = (case.predict(case.fit(case.train, seed=3), case.held) for _ in range(2))
    case.expect_same(one, other, 0, "fitted twice with one seed")


def is_saved_whole(case: Case) -> None:
    folder = case.folder / "saved"
    folder.mkdir()
    case.fitted.save(folder)
    loaded = case.make()
    loaded.load(folder)
    case.expect_same(case.predict(loaded, case.held), case.predicted, 0, "saved and loaded")


def writes_into_its_folder(case: Case) -> None:
    folder, elsewhere = case.folder / "model", case.folder / "elsewhere"
    folder.mkdir()
    elsewhere.mkdir()
    learner = case.make()
    with chdir(elsewhere), watched() as written:
        if isinstance(learner, Prepares):
            learner.prepare(case.posts.without_labels(), FeatureCache(case.folder / "cache"))
        learner.fit(case.train, case.task, seed=0)
        learner.save(folder)
        case.predict(learner, case.held)
    strange = sorted(map(str, _strange(written, case))) or [path.name for path in elsewhere.iterdir()]
    expect(not strange, f"wrote {', '.join(strange[:3])}")


def _strange(written: set[Path], case: Case) -> Iterator[Path]:
    """Files that are neither the learner's own, nor the cache's, nor for the moment, nor what libraries keep of their
    own accord: compiled modules, downloads."""
    for path in written:
        ours = any(path.is_relative_to(case.folder / name) for name in ("model", "cache"))
        usual = "__pycache__" in path.parts or ".cache" in path.parts or path.is_relative_to("/dev")
        moment = path.is_relative_to(Path(tempfile.gettempdir()).resolve()) or path.is_relative_to(
            tempfile.gettempdir()
        )
        if not ours and not usual and (not moment or path.is_relative_to(case.folder)):
            yield path


def does_not_mind_the_order(case: Case) -> None:
    order = np.random.default_rng(0).permutation(len(case.held))
    again = case.predict(case.fitted, case.held.take(order))
    case.expect_same(again, case.predicted[order], CLOSE, "of posts in another order")
    case.expect_same(case.predict(case.fitted, case.held.take([0])), case.predicted[:1], CLOSE, "of a post by itself")


def never_sees_labels(case: Case) -> None:
    labels = case.labelled.frame[case.task.name].tolist()
    wrong = case.labelled.with_columns(**{case.task.name: labels[::-1]})
    for said, data in {"true": case.labelled, "wrong": wrong}.items():
        case.expect_same(case.predict(case.fitted, data), case.predicted, 0, f"of posts with their {said} labels")


def leaves_posts_without_labels_out(case: Case) -> None:
    column = case.train.frame[case.task.name]
    some = case.train.with_columns(**{case.task.name: column.where(column.index % 2 == 0, None)})
    one, other = (case.fit(data) for data in (some, some.take(np.arange(0, len(some), 2))))
    case.expect_same(case.predict(one, case.held), case.predict(other, case.held), 1e-6, "with posts without labels")


def predicts_what_is_missing(case: Case) -> None:
    for missing in (*([name] for name in MODALITIES), MODALITIES):
        case.predict(case.fitted, hidden(case.held, missing))


def says_what_it_looks_at(case: Case) -> None:
    looked_at = modalities_of(case.fitted)
    if looked_at is None:
        raise BrokenContract("has no method 'modalities', so nobody knows what of a post it looks at")
    strange = sorted({*case.make().modalities()} - {*MODALITIES})  # type: ignore[attr-defined]
    expect(not strange, f"looks at {strange}; there are {', '.join(MODALITIES)}")
    seen = hidden(case.held, set(MODALITIES) - set(looked_at))
    case.expect_same(case.predict(case.fitted, seen), case.predicted, 0, "without what it does not look at")


def is_fitted_without(case: Case) -> None:
    for name in modalities_of(case.make()) or MODALITIES:
        case.predict(case.fit(hidden(case.train, [name])), case.held)


def is_fitted_on_texts_that_say_nothing(case: Case) -> None:
    for text in SAY_NOTHING:
        learner = case.fit(case.train.with_columns(text=[text] * len(case.train)))
        for data in (case.held, case.held.with_columns(text=[text] * len(case.held))):
            case.predict(learner, data)


def has_every_class(case: Case) -> None:
    classes = case.task.classes
    for kept in ((classes[0], classes[-1]), (classes[0],), (classes[-1],)):
        rows = case.train.frame[case.task.name].isin(kept).to_numpy()
        case.predict(case.fit(case.train.take(rows)), case.held)


def is_fitted_on_few_labels(case: Case) -> None:
    labels = case.train.frame[case.task.name]
    known = labels.index[labels.notna()]
    for count in (0, 1, 2, 8):
        few = case.train.with_columns(**{case.task.name: labels.where(labels.index.isin(known[:count]), None).tolist()})
        try:
            learner = case.fit(few)
        except LearnerError:
            expect(count == 0 and not case.task.classes, f"refuses {count} labels")
            continue
        case.predict(learner, case.held)


def is_prepared_for_speed_alone(case: Case) -> None:
    learner = case.make()
    if isinstance(learner, Prepares):
        learner.prepare(case.posts.without_labels(), FeatureCache(case.folder / "features"))
        learner.fit(case.train, case.task, seed=0)
        case.expect_same(case.predict(learner, case.held), case.predicted, CLOSE, "with and without prepare")


def survives_a_number_far_away(case: Case) -> None:
    numbers = [1e6, *case.train.frame[case.task.name][1:]]
    case.predict(case.fit(case.train.with_columns(**{case.task.name: numbers})), case.held)


@dataclass(frozen=True)
class Check:
    """``sentence`` says what holds of a learner where ``run`` returns; ``kinds`` are the kinds of tasks it is for.
    ``few`` fits suffice for it."""

    sentence: str
    run: Callable[[Case], None]
    kinds: tuple[str, ...] = KINDS
    few: bool = True

    def failure(self, case: Case) -> str | None:
        """What does not hold, in one line; None where all does."""
        try:
            self.run(case)
        except BrokenContract as error:
            return str(error)
        except Exception as error:  # whatever a stranger's code raises is what there is to say of it
            return f"raised {type(error).__name__}: {first_line(error)}"
        return None


CHECKS = (
    Check("The constructor stores its arguments and does nothing else.", stores_parameters),
    Check("Predictions are probabilities, a column per class, or one column of numbers.", predicts),
    Check("The same seed gives the same predictions.", repeats_itself),
    Check("A saved and loaded learner predicts the same.", is_saved_whole),
    Check("It writes nothing outside the folder it is given and the cache.", writes_into_its_folder),
    Check("What is predicted of a post does not depend on the others or their order.", does_not_mind_the_order),
    Check("Labels of predicted posts are not looked at.", never_sees_labels),
    Check("Posts without a label are not fitted on.", leaves_posts_without_labels_out),
    Check("Posts without a text, an image, or anything are predicted for.", predicts_what_is_missing),
    Check("It says what it looks at, and looks at nothing else.", says_what_it_looks_at),
    Check("It can be fitted where no post has a text, or an image.", is_fitted_without),
    Check("A class absent from the fit rows still has its column.", has_every_class, KINDS[:1]),
    Check("Preparing changes nothing but speed.", is_prepared_for_speed_alone),
    Check("It can be fitted on a few labels.", is_fitted_on_few_labels, few=False),
    Check("It can be fitted on texts that say nothing.", is_fitted_on_texts_that_say_nothing, few=False),
    Check("A number far from all others is survived.", survives_a_number_far_away, KINDS[1:], few=False),
)
