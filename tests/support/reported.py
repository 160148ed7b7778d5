"""Facts of a run as `ensemble report` gathers them, for tests of the page: plausible numbers, hostile words."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from support.world import picture

CANDIDATES = (
    "best_single",
    "soft_vote",
    "hard_vote",
    "log_odds_mean",
    "rank_mean",
    "simplex",
    "greedy",
    "logistic_regression",
    "decision_tree",
    "random_forest",
    "xgboost",
)
LEARNERS = {
    "tfidf": "text",
    "bert_large": "text",
    "xlnet": "text",
    "polynet": "image",
    "senet_154_finetuned": "image",
    "clip_joint": "both",
}
MEASURES = ("accuracy", "macro_f1", "weighted_f1", "roc_auc")
SENTIMENT, HUMOUR, DEGREE = ("negative", "neutral", "positive"), ("0", "1"), ("0", "1", "2", "3")
GAIN = {"value": 0.021, "low": 0.008, "high": 0.034}
LOSS = {"value": -0.004, "low": -0.013, "high": 0.006}
SCRIPT = """<script>alert(1)</script>"'><img src=x onerror=alert(2)><style>*{display:none}</style>"""
HEBREW = "\u05de\u05d9 \u05e9\u05dc\u05d0 \u05e6\u05d5\u05d7\u05e7 \u05e2\u05db\u05e9\u05d9\u05d5 \u202e\u2067 123"
TEXTS = (
    "When you finally fix the bug and it was a missing comma all along",
    SCRIPT,
    HEBREW,
    "NUL\0 and bell\a and half a pair \ud800 \U0001f602\U0001f480",
    "such a long story " * 556,
    "x" * 400,
    "",
    "MONDAY\nNOBODY:\nABSOLUTELY NOBODY:\nme: one more coffee",
)


def draw_pictures(root: Path) -> None:
    """Images of odd shapes, one of them broken; the last two of the gallery's names have no file."""
    for row, (width, height) in enumerate(((640, 480), (300, 900), (900, 200), (64, 64), (500, 500))):
        picture(8, 8, row).resize((width, height), resample=3).save(root / f"{row}.jpg")
    picture(700, 700).save(root / "noise.png")
    (root / "broken.jpg").write_bytes(b"no image at all")


def report_facts(
    tasks: int = 3, learners: Sequence[str] = tuple(LEARNERS), rows: int = 4000, shown: int = 14
) -> dict[str, Any]:
    """The first of the three tasks A, B, C (more repeat them under other names); every word that a dataset or a
    configuration gives may hold markup."""
    random = np.random.default_rng(5)
    kinds = ((f"sentiment {SCRIPT}", SENTIMENT), ("humour", HUMOUR), ("humour_degree", DEGREE))
    names = [(f"{kinds[n % 3][0]}{n // 3 or ''}", kinds[n % 3][1]) for n in range(tasks)]
    subtasks = dict(zip("ABC", (name for name, _ in names), strict=False))
    reports = [_report(random, name, classes, learners, rows) for name, classes in names]
    models = [*learners, "plain mean", "stack"]
    suspects = {name: _suspects(random, classes, shown) for name, classes in names}
    return {
        "title": "memotion <b>&amp;",
        "rows": rows,
        "test_rows": 1878,
        "folds": 5,
        "tasks": reports,
        "modality": {name: LEARNERS.get(name, "text") for name in learners},
        "against": {name: {"plain mean": GAIN, learners[0]: LOSS} for name in subtasks},
        "subtasks": {name: {model: _scored(random, 0.45) for model in models} for name in subtasks},
        "columns": {f"A {name}": {"plain mean": _scored(random), "stack": _scored(random)} for name, _ in names * 2},
        "table7": _table7(random, list(subtasks)),
        "table8": [
            {
                "task": name,
                "subtask": "ABC"[position % 3],
                "best": "greedy",
                "chosen": "simplex",
                "scores": {candidate: _scored(random) for candidate in CANDIDATES},
            }
            for position, (name, _) in enumerate(names)
        ],
        "contributions": {name: _contributions(random, learners) for name, _ in names},
        "diversity": {name: _diversity(random, learners) for name, _ in names},
        "leaks": {names[0][0]: {"bert_large": [{"sign": "right_where_hard", "own": 0.99, "usual": 0.41}]}},
        "seeds": {names[0][0]: {name: {"values": [0.47, 0.49], "mean": 0.48, "std": 0.0141} for name in learners[:2]}},
        "suspects": suspects,
        "hardest": {name: suspects[name]["labels"][::-1] for name, _ in names},
        "reliability": {
            name: _reliability(random, ["stack", "plain mean", "best single (bert_large)"]) for name, _ in names
        },
        "curves": {
            learner: {name: _curve(random) for name, _ in names}
            for learner in learners
            if learner in list(learners)[1:3]
        },
        "audit": _audit(names, rows),
        "provenance": {
            "data": "2b064bb6f1f568b1c08e0a9ccbf690f4",
            "folds": "0927ea4a99f05a47a46aa6fd618c8b80",
            "config": {"root": f"/data/{SCRIPT}", "base": {"tfidf": {"learner": "tfidf", "params": {"c": 1.0}}}},
            "versions": {"python": "3.11.2", "modality-ensemble": "0.1.0", "numpy": "2.4.6"},
        },
    }


def _scored(random: np.random.Generator, middle: float = 0.5, width: float = 0.018) -> dict[str, float | None]:
    value = float(random.normal(middle, 0.03))
    return {"value": value, "low": value - width, "high": value + width}


def _card(random: np.random.Generator, classes: Sequence[str], rows: int, middle: float) -> dict[str, Any]:
    folds = random.normal(middle, 0.012, size=5)
    counts = random.multinomial(rows, random.dirichlet(np.ones(len(classes) ** 2) * 3)).reshape(len(classes), -1)
    others = {name: {"value": float(random.uniform(0.5, 0.8))} for name in ("weighted_f1", "roc_auc", "brier", "ece")}
    return {
        "rows": rows,
        "metric": "macro_f1",
        "metrics": {
            "macro_f1": _scored(random, middle),
            "accuracy": _scored(random, middle + 0.08),
            "log_loss": {"value": 0.947},
            **others,
        },
        "classes": {
            name: {"precision": 0.5, "recall": 0.4, "f1": 0.444, "support": int(counts[position].sum())}
            for position, name in enumerate(classes)
        },
        "confusion": counts.tolist(),
        "folds": {"values": [None, *folds[1:].tolist()], "mean": float(folds.mean()), "std": float(folds.std())}
        | {"metrics": {name: {"mean": middle, "std": 0.0123} for name in MEASURES}},
    }


def _report(
    random: np.random.Generator, task: str, classes: Sequence[str], learners: Sequence[str], rows: int
) -> dict[str, Any]:
    rule = {"kind": "class_biases", "numbers": random.normal(0, 0.4, len(classes)).tolist()}
    report = {
        "task": task,
        "metric": "macro_f1",
        "classes": list(classes),
        "folds": 5,
        "learners": {name: _card(random, classes, rows, 0.48) for name in learners},
        "unknown_folds": [learners[-1]],
        "tuned": {learners[0]: {"judged": [2, 3, 4]}},
        "candidates": {name: _card(random, classes, rows, 0.53) | {"arg_max": _scored(random)} for name in CANDIDATES},
        "stack": _card(random, classes, rows, 0.56),
        "arg_max": _scored(random, 0.52),
        "rule_gain": GAIN,
        "chosen": "greedy",
        "chosen_by_fold": {str(fold): "greedy" if fold else "simplex" for fold in range(5)},
        "reason": {"rival": "soft_vote", "best": "greedy", "gain": 0.012, "p_value": 0.003, "tried": 9},
        "fallback": task == "humour",
        "rule": rule if task != "humour" else {"kind": "arg_max", "numbers": []},
        "rules_by_fold": {str(fold): rule for fold in range(5)},
        "in_sample": 0.581,
        "optimism": 0.021,
        "against": {
            "plain mean": GAIN,
            f"best single ({learners[0]})": LOSS,
        },
        "hard_vote_ties": 321,
        "warnings": {"log_loss": 0.257, "rare_classes": {SCRIPT: 3}, "unknown_folds": []},
        "seconds": 12.5,
    }
    if task == "humour":
        card = _card(random, classes, 500, 0.5)
        cards = {"stack": card} | {name: {"rows": 0} if n % 2 else card for n, name in enumerate(learners)}
        report["test"] = {"cards": cards, "copies_in_training": 12, "stack_without_copies": card}
    return report


def _table7(random: np.random.Generator, subtasks: list[str]) -> dict[str, Any]:
    columns = [*subtasks, *(f"{subtask} {emotion}" for subtask in subtasks[1:] for emotion in ("humour", "offence"))]
    names = (
        "best single",
        "visual ensemble (2)",
        "textual ensemble (3)",
        "joint ensemble (1)",
        "all learners (6)",
        "stack",
    )
    rows = [{"name": name, "scores": [_scored(random, 0.4) for _ in columns]} for name in names]
    rows[0]["learners"] = ["bert_large"] * len(columns)
    rows[3]["scores"][-1] = None  # type: ignore[index]
    return {"columns": columns, "rows": rows}


def _contributions(random: np.random.Generator, learners: Sequence[str]) -> dict[str, Any]:
    def shares() -> dict[str, Any]:
        return {"shapley": _scored(random, 0.02, 0.006), "leave_one_out": _scored(random, 0.004, 0.004)}

    return {
        "metric": "macro_f1",
        "learners": {
            name: shares()
            | {
                "redundant_with": learners[0] if position == 2 else None,
                "adds_nothing": position == 3,
            }
            for position, name in enumerate(learners)
        },
        "modalities": {kind: shares() for kind in ("text", "image", "both")},
        "cost": {
            name: {
                "seconds": float(10 ** random.uniform(0.5, 4.5)),
                "parameters": int(10 ** random.uniform(5, 8.6)) if position else None,
                "trainable_parameters": 151_513 if position else None,
            }
            for position, name in enumerate(learners)
        },
        "draws": 1000,
        "subsets": 64,
    }


def _diversity(random: np.random.Generator, learners: Sequence[str]) -> dict[str, Any]:
    matrix = np.atleast_2d(np.corrcoef(random.normal(size=(len(learners), 6)) + random.normal(size=6)))
    plain = [[float(value) for value in row] for row in matrix]
    if len(learners) > 1:
        plain[0][1] = plain[1][0] = None  # type: ignore[call-overload]
    return {"learners": list(learners), "error_correlation": plain, "q_statistic": plain}


def _reliability(random: np.random.Generator, models: Sequence[str]) -> dict[str, Any]:
    confidence = np.linspace(0.35, 0.97, 9)
    return {
        model: {
            "confidence": confidence.tolist(),
            "accuracy": (confidence - 0.08 + random.normal(0, 0.04, 9)).clip(0, 1).tolist(),
            "rows": random.integers(20, 900, 9).tolist(),
            "ece": float(random.uniform(0.01, 0.12)),
        }
        for model in models
    }


def _curve(random: np.random.Generator) -> list[dict[str, float]]:
    return [
        {"fold": fold, "epoch": epoch, "loss": float(np.exp(-epoch / 4) + random.normal(0, 0.02)), "lr": 1e-4}
        | {"macro_f1": 0.5 - float(np.exp(-epoch / 3)) / 3}
        for fold in range(5)
        for epoch in range(1, 11)
    ]


def _suspects(random: np.random.Generator, classes: Sequence[str], count: int) -> dict[str, Any]:
    images = (*(f"{row}.jpg" for row in range(5)), "noise.png", "broken.jpg", "gone.jpg", None, "../../etc/passwd")
    rows = [
        {
            "id": f"image_{row}.jpg" if row else SCRIPT,
            "label": classes[row % len(classes)],
            "decided": classes[(row + 1) % len(classes)],
            "probability_of_label": float(random.uniform(0, 0.1)),
            "probability_of_decided": float(random.uniform(0.7, 1)),
            "margin": 0.8,
            "text": TEXTS[row % len(TEXTS)] or None,
            "image": images[row % len(images)],
        }
        for row in range(count)
    ]
    conflicts = [{"group": n, "ids": [f"post{n}", f"<i>{n}</i>"], "labels": list(classes[:2])} for n in range(20)]
    return {"labels": rows, "conflicts": conflicts}


def _audit(names: Sequence[tuple[str, Sequence[str]]], rows: int) -> dict[str, Any]:
    return {
        "rows": {"train": rows, "test": 1878},
        "tasks": {name: {c: rows // len(classes) for c in classes} | {"missing": 3} for name, classes in names},
        "texts": {
            "missing": 5,
            "without_words": 9,
            "right_to_left": 2,
            "control_characters": 1,
            "longest": 10_000,
            "encodings": {"utf-8": rows},
            "languages": {"en": rows - 12, "es": 7, "und": 5},
        },
        "images": {
            "missing": 1,
            "missing_first": ["images/gone.jpg"],
            "unreadable": 7,
            "modes": {"RGB": rows},
            "unreadable_first": ["images/<b>.jpg: not an image that can be read"],
            "animated": 0,
        },
        "duplicates": {
            "same_image_groups": 40,
            "near_image_pairs": 12,
            "same_text_rows": 210,
            "groups": 90,
            "rows_in_groups": 240,
            "largest_group": 9,
        },
        "conflicting_labels": {name: 20 for name, _ in names},
        "train_test_overlap": 31,
        "notes": ["12 rows have no text in text_corrected; text_ocr was used."],
    }
