"""Do two checkouts compute the same, byte for byte? For changes that must change no number.

    python benchmarks/compare.py BEFORE AFTER --data ../shared/data --weights ../shared/weights --keep FOLDER

Both run the same commands, one after the other and on one thread, on slices of MVSA and Memotion: every base learner
(tiny networks with random weights, made once by BEFORE; the frozen encoders of ``--weights`` where they are), the
stack, the competition file, the report, new posts, ablation, tuning. They are known by their command line only, so
modules may move. Then every table of probabilities is compared by id, every written label byte by byte; any difference
is exit code 1. Of records (JSON) other keys, and other numbers under one key, are told and are no difference.

What either left below ``--keep`` is used again, and a killed comparison goes on, where its source files are the same.
"""

import argparse
import hashlib
import inspect
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

TRAIN, TEST, NEW = 300, 20, 40
NETWORKS = """
import sys
from pathlib import Path
from base_models.tiny import FAMILIES, make_clip, make_flava, make_image_encoder, make_text_encoder, make_translator
texts = Path(sys.argv[1]).read_text(encoding="utf-8").splitlines()
folder = Path(sys.argv[2])
make_image_encoder(folder / "image")
make_clip(folder / "clip", texts)
make_flava(folder / "flava", texts)
make_translator(folder / "translator", texts)
for family in FAMILIES:
    make_text_encoder(folder / family, texts, family)
print("\\n".join(FAMILIES))
"""
SHORT = "epochs = 1, batch = 32, lr = 3e-3"
HEAD = "max_length = 32, lstm_width = 16, attention_width = 16, hidden_width = 16"
PAIR = 'image = "{n}/image", text = "{n}/bert", max_length = 32, width = 32, size = 32'
CONFIG = """
[data]
preset = "{preset}"
root = "{root}"
[folds]
k = 3
{folds}
[run]
folder = "run"
cache = "cache"
threads = 1
[submit]
format = "{preset}"
[stack]
{stack}
"""
Learners = dict[str, tuple[str, str]]  # name -> (learner, parameters)
# Figures that a second run of the same code changes as well.
VOLATILE = (
    *("second", "minute", "time", "begun", "ended", "created", "written", "when", "usage", "cost", "memory", "bytes"),
    *("rss", "host", "machine", "pid", "version", "hash", "folder", "files", "stamps"),
)


def learners(networks: Path, families: Sequence[str], weights: Path | None) -> Learners:
    """Every base learner the command knows, in each of its ways: name -> (learner, parameters)."""
    n, real = networks, weights is not None and (weights / "minilm-l6").is_dir()
    text = weights / "minilm-l6" if real and weights else n / "bert"
    image = weights / "mobilenetv2_100" if real and weights else n / "image"
    pair = PAIR.format(n=n)
    textual = {
        family: ("textual", f'model = "{n}/{family}", {HEAD}, training = {{ {SHORT} }}') for family in sorted(families)
    }
    fusion = {
        f"fusion_{combine}": (
            "fusion",
            f'{pair}, combine = "{combine}", missing = "{missing}", modality_dropout = 0.2, training = {{ {SHORT} }}',
        )
        for combine, missing in (("attention", "zeros"), ("gate", "learned"), ("concatenation", "zeros"))
    }
    clip = {
        f"clip_{train}": ("clip", f'model = "{n}/clip", train = "{train}", max_length = 32, training = {{ {SHORT} }}')
        for train in ("head", "lora", "full")
    }
    flava = {
        name: ("flava", f'model = "{n}/flava", frozen = {frozen}, max_length = 32, training = {{ {SHORT} }}')
        for name, frozen in (("flava", "true"), ("flava_whole", "false"))
    }
    return {
        "prior": ("prior", ""),
        "tfidf": ("tfidf", ""),
        "tuned": ("tfidf", ""),
        "text": ("frozen", f'text = "{text}"'),
        "image": ("frozen", f'image = "{image}", views = 1'),
        "both": ("frozen", f'text = "{text}", image = "{image}", views = 1'),
        "svm": ("frozen", f'text = "{text}", image = "{image}", views = 1, probe = "svm", costs = [0.3, 3.0]'),
        **textual,
        "plain": (
            "textual",
            f'model = "{n}/bert", max_length = 32, lstm_layers = 0, attention_width = 0, hidden_width = 0, '
            f'clean = true, layer_decay = 0.9, translator = "{n}/translator", '
            f'training = {{ {SHORT}, loss = "focal", resample = 1.0 }}',
        ),
        "visual": ("visual", f'model = "{n}/image", views = 2, size = 32, training = {{ {SHORT}, validation = 0.1 }}'),
        **fusion,
        **flava,
        "zero_shot": ("clip", f'model = "{n}/clip", train = "none", max_length = 32, scored = "both"'),
        **clip,
    }


def slice_mvsa(source: Path, target: Path) -> pd.DataFrame:
    """The first posts of both tables; returned are those after them, as new posts (text, image)."""
    (target / "data").mkdir(parents=True)
    tables = {name: pd.read_csv(source / name, dtype=str) for name in ("train.txt", "test_without_label.txt")}
    new = tables["train.txt"][TRAIN : TRAIN + NEW]
    for (name, table), rows in zip(tables.items(), (TRAIN, TEST), strict=True):
        kept = table[:rows]
        kept.to_csv(target / name, index=False, na_rep="null")
        for guid in kept["guid"]:
            for suffix in (".txt", ".jpg"):
                shutil.copy(source / "data" / f"{guid}{suffix}", target / "data")
    texts = [(source / "data" / f"{guid}.txt").read_text("utf-8", "replace").strip() for guid in new["guid"]]
    return new_posts(texts, [source / "data" / f"{guid}.jpg" for guid in new["guid"]], target)


def slice_memotion(source: Path, target: Path) -> pd.DataFrame:
    (target / "images").mkdir(parents=True)
    tables = {name: pd.read_csv(source / name, dtype=str, keep_default_na=False) for name in ("labels.csv", "test.csv")}
    new = tables["labels.csv"][TRAIN : TRAIN + NEW]
    for (name, table), rows in zip(tables.items(), (TRAIN, TEST), strict=True):
        table[:rows].to_csv(target / name, index=False)
        for image in table["image_name"][:rows]:
            shutil.copy(source / "images" / image, target / "images")
    return new_posts(new["text_corrected"].tolist(), [source / "images" / name for name in new["image_name"]], target)


def new_posts(texts: list[str], images: list[Path], target: Path) -> pd.DataFrame:
    (target / "new").mkdir()
    for image in images:
        shutil.copy(image, target / "new")
    return pd.DataFrame({"text": texts, "image": [f"{target.name}/new/{image.name}" for image in images]})


def prepare(before: Path, keep: Path, data: Path) -> list[str]:
    """Slices, new posts and networks below ``keep``, made once; the families of text networks."""
    if not (keep / "families").exists():
        texts: list[str] = []
        for name, cut in (("mvsa", slice_mvsa), ("memotion", slice_memotion)):
            shutil.rmtree(keep / name, ignore_errors=True)
            new = cut(data / name, keep / name)
            texts += new["text"].tolist()
            new.loc[new.index[3], "text"], new.loc[new.index[7], "image"] = "", ""
            new.to_csv(keep / f"{name}.csv", index=False)
        (keep / "texts").write_text("\n".join(" ".join(text.split()) for text in texts), encoding="utf-8")
        code = [sys.executable, "-c", NETWORKS, str(keep / "texts"), str(keep / "networks")]
        told = subprocess.run(code, env=environment(before), cwd=keep, check=True, capture_output=True, text=True)
        (keep / "families").write_text(told.stdout)
    return (keep / "families").read_text().split()


def environment(checkout: Path) -> dict[str, str]:
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    quiet = {"OMP_WAIT_POLICY": "PASSIVE", "PYTHONDONTWRITEBYTECODE": "1", "HF_HUB_OFFLINE": "1"}
    return {**os.environ, **threads, **quiet, "PYTHONPATH": str(checkout)}


@dataclass
class Checkout:
    """A checkout and the folder its runs go to: one folder for each name of ``run``."""

    code: Path
    folder: Path
    keep: Path

    def configure(self, run: str, preset: str, base: Learners, folds: str = "", stack: str = "") -> None:
        (self.folder / run).mkdir(parents=True, exist_ok=True)
        text = CONFIG.format(preset=preset, root=self.keep / preset, folds=folds, stack=stack)
        for name, (learner, params) in base.items():
            text += f'[base.{name}]\nlearner = "{learner}"\nparams = {{ {params} }}\n'
            text += "tuned = true\n" if name == "tuned" else ""
        (self.folder / run / "ensemble.toml").write_text(text)

    def __call__(self, run: str, *arguments: str) -> None:
        """One command, in the folder of a run, once; raises SystemExit with its last lines where it fails."""
        said = f"{run}: ensemble {' '.join(arguments)}"
        done, log = self.folder / "done.txt", self.folder / run / "log.txt"
        if done.exists() and said in done.read_text().splitlines():
            return
        command, env, before = [sys.executable, "-m", "cli.main", *arguments], environment(self.code), os.times()
        with log.open("a", encoding="utf-8") as out:
            print(f"\n$ {said}", file=out, flush=True)
            code = subprocess.run(command, env=env, cwd=log.parent, stdout=out, stderr=subprocess.STDOUT).returncode
        after = os.times()
        cpu = after.children_user + after.children_system - before.children_user - before.children_system
        print(f"{after.elapsed - before.elapsed:8.0f}{cpu:8.0f}  {said}", flush=True)
        if code:
            lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
            raise SystemExit("\n".join([*lines[-25:], f"{self.code}: exit code {code}; all of it: {log}"]))
        with done.open("a") as file:
            print(said, file=file)


def run_all(checkout: Checkout, base: Learners) -> None:
    """Everything on MVSA; on Memotion what is quick on all eight problems, and the networks on one."""
    quick = {name: base[name] for name in ("prior", "tfidf", "text", "both")}
    few = {name: base[name] for name in (*quick, "bert", "visual", "fusion_attention", "clip_lora", "flava")}
    checkout.configure("mvsa", "mvsa", base)
    checkout("mvsa", "tune", "tuned", "--trials", "10", "--quiet")
    checkout("mvsa", "train-base", "--quiet")
    checkout("mvsa", "tune", "bert", "--trials", "3", "--set", "tune.bert.folds=2", "--quiet")
    checkout("mvsa", "ablate", "fusion_attention", "--quiet")
    checkout.configure("memotion", "memotion", quick, stack="calibrate = true\nrelated = true")
    checkout("memotion", "train-base", "--quiet")
    some = 'metrics = { sentiment = "accuracy" }'
    checkout.configure("networks", "memotion", few, folds="test_fraction = 0.1", stack=some)
    checkout("networks", "train-base", "-t", "sentiment", "--set", "run.seeds=[0, 1]", "--quiet")
    for run, tasks in (("mvsa", ()), ("memotion", ()), ("networks", ("-t", "sentiment"))):
        seeds = ("--set", "run.seeds=[0, 1]") if run == "networks" else ()
        new = checkout.keep / ("mvsa.csv" if run == "mvsa" else "memotion.csv")
        checkout(run, "stack", *tasks, *seeds, "--quiet")
        if not tasks:
            checkout(run, "submit", "--quiet")
            checkout(run, "report", "--quiet")
        checkout(run, "predict", str(new), "--run", "run", "--out", "new.csv", *tasks, "--quiet")
    every = ("--set", "tune.tfidf.folds=all", "--trials", "4", "--keep-trials", "2")
    checkout("memotion", "tune", "tfidf", "-t", "sentiment", *every, "--quiet")
    checkout("memotion", "stack", "-t", "sentiment", "--quiet")


def results(folder: Path, *suffixes: str) -> dict[str, Path]:
    """What a checkout left, by names that both give: trials, whose folders are called by a hash, by their place."""
    found = [path for path in folder.rglob("*") if path.suffix in suffixes and path.is_file()]
    aside = {"cache", "model", "log.txt", "curve.csv", "done.txt", "state.txt"}
    found = [path for path in found if not aside & set(path.relative_to(folder).parts)]
    begun: dict[Path, float] = {}
    for path in found:
        for trial in (parent for parent in path.parents if parent.parent.name == "trials"):
            begun[trial] = min(begun.get(trial, path.stat().st_mtime), path.stat().st_mtime)
    order = {trial: sum(a.parent == trial.parent and begun[a] < begun[trial] for a in begun) for trial in begun}
    names = {path: str(path.relative_to(folder)) for path in found}
    for trial, place in order.items():
        inside = [path for path in found if trial in path.parents]
        names |= {path: names[path].replace(trial.name, f"{place}") for path in inside}
    return {names[path]: path for path in sorted(found)}


def first_difference(before: Path, after: Path) -> tuple[int, str]:
    """Rows, and in words where the two differ first; rows of Parquet files may come in another order."""
    if before.suffix == ".parquet":
        return difference_of_tables(pd.read_parquet(before), pd.read_parquet(after))
    one, other = before.read_bytes(), after.read_bytes()
    if one == other:
        return one.count(b"\n"), ""
    lines = zip(one.splitlines(), other.splitlines(), strict=False)
    places = (f"line {n}: {a!r} / {b!r}" for n, (a, b) in enumerate(lines, 1) if a != b)
    return one.count(b"\n"), next(places, "length")


def difference_of_tables(one: pd.DataFrame, other: pd.DataFrame) -> tuple[int, str]:
    if list(one.columns) != list(other.columns) or len(one) != len(other):
        return len(one), f"{list(one.columns)} x {len(one)} / {list(other.columns)} x {len(other)}"
    if "id" in one:
        one, other = (frame.sort_values("id", kind="stable") for frame in (one, other))
    for name in one.columns:
        a, b = one[name].to_numpy(), other[name].to_numpy()
        if a.dtype != b.dtype:
            return len(one), f"{name}: {a.dtype} / {b.dtype}"
        for row, (x, y) in enumerate(zip(a, b, strict=True)):
            # To the byte: a NaN equals itself, and -0 is not 0.
            if not (x is y or x == y if a.dtype == object else x.tobytes() == y.tobytes()):
                return len(one), f"{name}, row {row}: {x!r} / {y!r}"
    return len(one), ""


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every value of a record with the keys that lead to it; places in lists count as keys."""
    if isinstance(value, dict | list) and value:
        for key, part in value.items() if isinstance(value, dict) else enumerate(value):
            yield from leaves(part, f"{path}.{key}" if path else str(key))
    else:
        yield path, value


def without_places(path: str) -> str:
    """A path for people: places in lists and names of learners and the like do not make it another key."""
    return ".".join("#" if part.isdigit() else part for part in path.split("."))


def compare_records(before: Path, after: Path) -> None:
    """Print which keys and which numbers of the JSON records differ."""
    records = [results(folder, ".json") for folder in (before, after)]
    told: dict[str, dict[str, str]] = {"only before": {}, "only after": {}, "another number": {}}
    for name in sorted(records[0].keys() & records[1].keys()):
        one, other = (dict(leaves(json.loads(named[name].read_text("utf-8")))) for named in records)
        kind = Path(name).name
        for what, keys in (("only before", one.keys() - other.keys()), ("only after", other.keys() - one.keys())):
            told[what] |= {f"{kind}: {without_places(key)}": "" for key in keys}
        for key in one.keys() & other.keys():
            if isinstance(one[key], int | float) and one[key] != other[key] and not any(w in key for w in VOLATILE):
                told["another number"][f"{kind}: {without_places(key)}"] = f": {one[key]} / {other[key]} in {name}"
    print(f"\nRecords: {len(records[0])} / {len(records[1])} JSON files")
    told["only before"] |= {f"the file {name}": "" for name in records[0].keys() - records[1].keys()}
    told["only after"] |= {f"the file {name}": "" for name in records[1].keys() - records[0].keys()}
    for what, lines in told.items():
        print(f"{what}: {len(lines)}", *(f"  {key}{lines[key]}" for key in sorted(lines)[:60]), sep="\n")


def compare(before: Path, after: Path) -> int:
    """Print the table of what was compared; the number of differences."""
    one, other = (results(folder, ".parquet", ".csv", ".txt", ".zip") for folder in (before, after))
    counts: dict[str, list[int]] = {}
    differences = []
    for name in sorted(one.keys() | other.keys()):
        parts = [part for part in Path(name).parts if part != "run"]
        what = " ".join(parts[: 3 if parts[1] in ("base", "tune") else 2])
        count = counts.setdefault(what, [0, 0, 0])
        if name in one and name in other:
            rows, difference = first_difference(one[name], other[name])
        else:
            rows, difference = 0, f"only {'before' if name in one else 'after'}"
        count[0] += 1
        count[1] += rows
        count[2] += bool(difference)
        differences += [f"{name}: {difference}"] if difference else []
    print(f"\n{'what':60}{'files':>8}{'rows':>10}  equal")
    for what, (files, rows, wrong) in counts.items():
        print(f"{what:60}{files:8}{rows:10}  {f'NO: {wrong} files' if wrong else 'yes'}")
    print(f"{'together':60}{sum(c[0] for c in counts.values()):8}{sum(c[1] for c in counts.values()):10}", end="  ")
    print(f"{len(differences)} differences", *differences[:100], sep="\n  ")
    return len(differences)


def fingerprint(checkout: Path) -> str:
    """Of all source files of the four packages."""
    found = (path for package in ("base_models", "cli", "ensemble", "meta") for path in (checkout / package).rglob("*"))
    files = sorted(path for path in found if path.is_file() and path.suffix != ".pyc")
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()


def run_checkout(code: Path, folder: Path, keep: Path, base: Learners) -> None:
    """All commands that are not done yet; from the first on where anything is another than it was."""
    print(f"{'s':>8}{'CPU, s':>8}  {code}", flush=True)
    state = json.dumps([fingerprint(code), base, inspect.getsource(run_all)])
    if not (folder / "state.txt").exists() or (folder / "state.txt").read_text() != state:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        (folder / "state.txt").write_text(state)
    run_all(Checkout(code, folder, keep), base)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("before", type=Path)
    parser.add_argument("after", type=Path)
    parser.add_argument("--data", type=Path, required=True, help="the folder of mvsa/ and memotion/")
    parser.add_argument("--weights", type=Path, help="the folder of minilm-l6/ and mobilenetv2_100/")
    parser.add_argument("--keep", type=Path, help="where all of it is kept, BEFORE's results for the next time")
    options = parser.parse_args()
    before, after = options.before.resolve(), options.after.resolve()
    weights = options.weights.resolve() if options.weights else None
    with tempfile.TemporaryDirectory() as temporary:
        keep = (options.keep or Path(temporary)).resolve()
        keep.mkdir(parents=True, exist_ok=True)
        families = prepare(before, keep, options.data.resolve())
        base = learners(keep / "networks", families, weights)
        run_checkout(before, keep / "before", keep, base)
        run_checkout(after, keep / "after", keep, base)
        differences = compare(keep / "before", keep / "after")
        compare_records(keep / "before", keep / "after")
    sys.exit(1 if differences else 0)


if __name__ == "__main__":
    main()
