"""How near the text learner comes to bare PyTorch, and what sorting texts by length and keeping their tokens save.

    python benchmarks/textual.py
    python benchmarks/textual.py --only training --head linear --rows 1600 --batch 32
    python benchmarks/textual.py --full                              the paper's four networks, random weights
    python benchmarks/textual.py --full gpt2-medium --steps 100      one of them, longer, as a GPU wants it

Measures "training", "sorting" and "tokens", or --only some of them; --full measures the large networks instead. Ways
that are compared take turns, every other round in reverse order; a ratio (speed as a share of another way's) is the
median of the rounds' ratios, with quartiles. All steps of a run are timed, after a run that is not. Tokens are real
ones, without padding. Wants a machine to itself; on a GPU, take many --rows. Folders that are absent are replaced by a
tiny network and drawn captions, which say nothing about real ones.
"""

import argparse
import tempfile
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from full_size import FULL_SIZE, print_full_size
from texts import HEADS, Case, Unsorted, drawn_posts
from torch.nn import functional as F
from turns import Steps, in_turns, print_speeds, quartiles, taken

from base_models.neural.inference import autocast, device, predict_logits, rows_at_once
from base_models.neural.optimization import make_optimizer
from base_models.neural.sampling import Batch, Examples
from base_models.neural.train_val_split import TrainValSplit
from base_models.neural.training import train
from base_models.objectives.objective import objective_of
from base_models.textual.finetuned import TextualTraining
from base_models.textual.loading import load_tokenizer
from base_models.textual.network import TextClassifier
from base_models.textual.tokens import TokenExamples, TokenSource
from base_models.tiny import make_text_encoder
from ensemble.data import Dataset
from ensemble.datasets.mvsa import SENTIMENT, read
from ensemble.features import FeatureCache
from ensemble.learner import TrainingContext

MEASUREMENTS = ("training", "sorting", "tokens")


def measure_training(case: Case, network: TextClassifier, pairs: int) -> None:
    """The steps of the learner's training against a plain loop over the same batches, ready on the device."""
    batches = case.batches()
    ready = [{name: part.to(device()) for name, part in case.problem.examples.batch(rows).items()} for rows in batches]
    labels = [torch.from_numpy(case.problem.labels[rows]).to(device()) for rows in batches]
    beside: list[float] = []
    learner = partial(train_learner, network, case.problem, case.how, beside=beside)
    bare = partial(train_bare, network, list(zip(ready, labels, strict=True)), case.how)
    one, other = learner(Steps(2)), bare(Steps(2))  # warms up
    moved, between = apart(one, network), apart(one, other)
    print(f"\nTraining, batch {case.how.batch}, {len(batches)} steps a run, the goal is 0.95, {pairs} rounds")
    print(f"A run moves the weights by up to {moved:.1e}; those of learner and bare loop end {between:.1e} apart")
    print_speeds(in_turns({"learner": learner, "bare loop": bare}, pairs), case.counts, "bare loop")
    print(f"Before its first step and after its last, the learner takes {quartiles(beside[1:])} s a run")


def apart(one: TextClassifier, other: TextClassifier) -> float:
    """The largest difference of a weight."""
    pairs = zip(one.parameters(), other.parameters(), strict=True)
    return max(float((mine - yours).detach().abs().max()) for mine, yours in pairs)


def train_learner(
    network: TextClassifier,
    problem: TrainValSplit,
    how: TextualTraining,
    steps: Steps,
    beside: list[float] | None = None,
) -> TextClassifier:
    """A copy, trained as the learner does it: with sampler, loader, journal and all that the Trainer does."""
    copy = deepcopy(network)
    seconds = taken(partial(train, copy, problem, how, 0, TrainingContext(track=steps.around)))
    if beside is not None:
        beside.append(seconds - (steps.ends[1] - steps.ends[0]))
    return copy


def train_bare(
    network: TextClassifier, ready: list[tuple[Batch, torch.Tensor]], how: TextualTraining, steps: Steps
) -> TextClassifier:
    copy = deepcopy(network).train()
    optimizer = make_optimizer(copy, how)

    def run() -> None:
        for batch, labels in ready:
            with autocast(how.precision, device()):
                loss = F.cross_entropy(copy(**batch).float(), labels)
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(copy.parameters(), how.clip or np.inf)
            optimizer.step()
            optimizer.zero_grad()

    torch.manual_seed(0)  # the dropout of the learner
    taken(run, steps)
    return copy


def measure_sorting(case: Case, network: TextClassifier, pairs: int) -> None:
    """Batches of similar length against batches as they fall, in training and in prediction."""
    rows, at_once, how = range(len(case.lengths)), rows_at_once(case.how.eval_batch), case.how
    orders: dict[str, Examples] = {"by length": case.problem.examples, "as they fall": Unsorted(case.problem.examples)}
    trained: dict[str, Callable[[Steps], object]] = {}
    predicted: dict[str, Callable[[Steps], object]] = {}
    for name, examples in orders.items():
        trained[name] = partial(train_learner, network, replace(case.problem, examples=examples), how)
        predicted[name] = partial(taken, partial(predict_logits, network, examples, rows, at_once, how.precision))
    longest_first = np.argsort(-case.lengths, kind="stable").tolist()
    padded = {
        "Training": [case.padding(case.batches(by_length)) for by_length in (True, False)],
        "Prediction": [
            case.padding([order[start : start + at_once] for start in rows[::at_once]])
            for order in (longest_first, list(rows))
        ],
    }
    for ways, (name, shares) in zip((trained, predicted), padded.items(), strict=True):
        in_turns(ways, 1)  # warms up
        at = f"batch {how.batch}, the goal is 1.3" if ways is trained else f"{at_once} at once"
        print(f"\n{name}, {at}, {pairs} rounds")
        print(f"Padding: {shares[0]:.1%} of what is read by length, {shares[1]:.1%} as they fall")
        print_speeds(in_turns(ways, pairs), case.counts, "as they fall")


def measure_tokens(source: TokenSource, data: Dataset, batch: int, epochs: int, folds: int, rounds: int) -> None:
    """All texts tokenised for the first time, read from disk, and made into batches; and tokenised batch by batch."""
    texts = [text.lower() for text in data.texts if text is not None]
    tokenizer = load_tokenizer(source.model)
    order = np.random.default_rng(0).permutation(len(texts))
    parts = [order[start : start + batch].tolist() for start in range(0, len(texts), batch)]
    options = {"truncation": True, "max_length": source.max_length, "padding": True, "return_tensors": "pt"}

    def usual() -> None:
        for rows in parts:
            tokenizer([texts[row] for row in rows], **options)

    found = []
    for _ in range(rounds + 1):
        with tempfile.TemporaryDirectory() as folder:
            fresh = [TokenSource(source.model, True, source.max_length, FeatureCache(Path(folder))) for _ in range(2)]
            first, again = (taken(partial(one.of, data)) for one in fresh)
            examples = fresh[1].of(data)
        epoch = taken(partial(make_batches, examples, parts))
        found.append((first, again, taken(usual), epoch))
    first, again, by_batch, epoch = np.array(found[1:]).T  # the first round warmed up
    print(f"\nTokens of {len(texts):,} texts, {rounds} rounds; the usual way tokenises every batch of every epoch")
    table = {"first time": first, "from disk": again, "epoch, usual way": by_batch, "epoch, from tokens": epoch}
    seconds = {name: values.tolist() for name, values in table.items()}
    print_speeds(seconds, {"texts": len(texts)}, "first time", "epoch, usual way")
    print(f"\n{epochs} epochs of {folds} folds, from these seconds: once the first time, from disk for each fold")
    runs = {"usual way": epochs * folds * by_batch, "tokens kept": first + folds * again + epochs * folds * epoch}
    counts = {"texts": epochs * folds * len(texts)}
    print_speeds({name: values.tolist() for name, values in runs.items()}, counts, "usual way")


def make_batches(examples: TokenExamples, parts: list[list[int]]) -> None:
    for rows in parts:
        examples.batch(rows)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=MEASUREMENTS, default=MEASUREMENTS)
    parser.add_argument("--full", nargs="*", choices=FULL_SIZE, metavar="NAME", help=f"of {', '.join(FULL_SIZE)}")
    for name, folder in {"data": "../shared/data/mvsa", "weights": "../shared/weights/minilm-l6"}.items():
        parser.add_argument(f"--{name}", type=Path, default=Path(folder), help=f"a folder; default: {folder}")
    parser.add_argument("--head", choices=HEADS, default="paper", help="default: paper, with its BiLSTM and attention")
    parser.add_argument("--precision", choices=["auto", "float32", "bfloat16"], default="auto")
    numbers = {"rows": 800, "pairs": 9, "batch": 16, "steps": 5, "epochs": 10, "folds": 5}
    helps = {"steps": " of each of --full", "epochs": " of tokens", "folds": " of tokens"}
    for name, number in {**numbers, "threads": torch.get_num_threads()}.items():
        parser.add_argument(f"--{name}", type=int, default=number, help=f"default: {number}{helps.get(name, '')}")
    return parser.parse_args()


def main() -> None:
    ask = parse()
    torch.set_num_threads(ask.threads)
    data = read(ask.data) if ask.data.is_dir() else drawn_posts(max(ask.rows, 1000))
    data = data.take([text is not None for text in data.texts])
    with tempfile.TemporaryDirectory() as folder:
        tiny = not ask.weights.is_dir()
        model = str(make_text_encoder(Path(folder), [str(text) for text in data.texts]) if tiny else ask.weights)
        for path, instead in {ask.weights: "a tiny network, not trained", ask.data: "drawn captions"}.items():
            if not path.is_dir():
                print(f"{path} is absent: {instead}. The numbers are of no real use.")
        source = TokenSource(model, True, 64 if tiny else 128, FeatureCache())
        labelled = np.flatnonzero(data.labels(SENTIMENT) >= 0)
        chosen = np.random.default_rng(0).permutation(labelled)
        posts = data.take(chosen[: ask.rows if ask.full is None else ask.batch * ask.steps])
        how = TextualTraining(epochs=1, batch=ask.batch, validation=0, patience=0, balance=0, precision=ask.precision)
        objective = objective_of(SENTIMENT, posts.labels(SENTIMENT))
        problem = TrainValSplit.of(SENTIMENT, objective, source.of(posts), posts, 0, 0)
        case = Case(problem, how, HEADS[ask.head], ask.threads)
        print(f"{model} on {device()}, {ask.threads} threads, {ask.precision} precision, {ask.head} head")
        mean, most = case.lengths.mean(), case.lengths.max()
        print(f"{len(posts):,} of {len(data):,} texts, {mean:.1f} tokens each, {most} at most")
        if ask.full is not None:
            print_full_size(case, ask.full or list(FULL_SIZE))
            return
        if "tokens" in ask.only:
            measure_tokens(source, data, ask.batch, ask.epochs, ask.folds, ask.pairs)
        network = case.network(model, not tiny)
        if "training" in ask.only:
            measure_training(case, network, ask.pairs)
        if "sorting" in ask.only:
            measure_sorting(case, network, ask.pairs)


if __name__ == "__main__":
    main()
