"""One prepared run on one large GPU, of ten minutes at most: speed, memory and precision of every network at full size.

    python benchmarks/gpu.py --output gpu.jsonl
    python benchmarks/gpu.py --tiny                  the same on a CPU, with tiny networks: that every part runs
    python benchmarks/gpu.py --only llava halving    some parts

Nothing is downloaded and nothing need be installed but torch, torchvision, timm, transformers, peft and scikit-learn,
pandas, and what these bring along; for the product's other packages there are stand-ins where they are missing. Weights
are random, drawn on the device. Parts run in the order of their worth, in a process that is watched from here: one
that fails says why and the next one begins; one that takes longer than its budget, or takes its process with it, is
left out, and the rest goes on in a new process. Results are written line by line as they come, and printed as tables
at the end.

"llava": LLaVA-1.5-7B, adapters of rank 16 trained, then words scored. "blip2": BLIP-2 (OPT-2.7b), Q-Former and head.
"halving": a batch that memory does not hold, by the allocator's own limit, against the same batch whole. "precision":
probabilities of bfloat16 beside those of float32, of the same weights. Then training and ten views of the four visual
networks, the four textual ones, FLAVA, CLIP, WavLM; "workers": processes that prepare batches; "resume": a training
that is killed and goes on. Speeds are rows a second; a share is of a bare loop over batches that lie ready.
"""

import argparse
import json
import os
import selectors
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

BUDGETS = {  # seconds at most, of a part with the start of a process
    "llava": 120,
    "blip2": 80,
    "halving": 90,
    "precision": 70,
    "visual": 110,
    "textual": 90,
    "flava": 40,
    "clip": 40,
    "wavlm": 40,
    "workers": 50,
    "resume": 60,
}
HERE = Path(__file__).resolve().parent


def watched(parts: list[str], ask: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """The lines of all parts; a part that fails, hangs or dies gives one that says so."""
    ends = time.monotonic() + float(ask.seconds)
    while parts:
        process = _start(parts, ask)
        assert process.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            until = _until(parts[0], ask, ends)
            while parts:
                line = ""
                if selector.select(max(0.0, until - time.monotonic())):
                    line = process.stdout.readline()
                if not line:
                    break
                said = json.loads(line)
                if said.get("done"):
                    parts = parts[1:]
                    until = _until(parts[0], ask, ends) if parts else until
                yield said
        process.kill()
        code = process.wait()
        process.stdout.close()
        if not parts:
            return
        why = "took longer than it may" if code == -9 else f"took its process with it (exit code {code})"
        yield {"part": parts[0], "error": why}
        parts = parts[1:]
        if time.monotonic() >= ends:
            yield from ({"part": part, "error": "no time was left"} for part in parts)
            return


def _until(part: str, ask: argparse.Namespace, ends: float) -> float:
    return min(ends, time.monotonic() + BUDGETS[part] * float(ask.patience))


def _start(parts: list[str], ask: argparse.Namespace) -> "subprocess.Popen[str]":
    """Of all these parts. Only JSON comes from it; what else is printed goes where our own errors go."""
    command = [sys.executable, str(HERE / "gpu_parts.py"), *parts]
    command += ["--tiny"] * ask.tiny + ["--without", *ask.without] * bool(ask.without)
    paths = os.pathsep.join(filter(None, (str(HERE.parent), os.environ.get("PYTHONPATH"))))
    surroundings = {**os.environ, "PYTHONPATH": paths, "PYTHONUNBUFFERED": "1", "TOKENIZERS_PARALLELISM": "false"}
    surroundings |= {"HF_HUB_OFFLINE": "1"}
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=surroundings)


def print_tables(lines: list[dict[str, Any]]) -> None:
    """One table for each set of columns, in the order of the lines."""
    tables: dict[str, list[dict[str, Any]]] = {}
    for line in lines:
        if "row" in line:
            tables.setdefault(line["table"], []).append(line["row"])
    for title, rows in tables.items():
        columns = list(dict.fromkeys(column for row in rows for column in row))
        cells = [columns, *([_shown(row.get(column)) for column in columns] for row in rows)]
        widths = [max(len(row[place]) for row in cells) for place in range(len(columns))]
        print(f"\n{title}")
        for row in cells:
            print("  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)))
    for line in lines:
        if "error" in line:
            print(f"! {line['part']}: {line['error']}")


def _shown(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return "" if value is None else str(value)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=BUDGETS, default=list(BUDGETS), metavar="PART")
    parser.add_argument("--tiny", action="store_true", help="tiny networks, to see on a CPU that every part runs")
    parser.add_argument("--seconds", type=float, default=560, help="for all parts together; default: 560")
    parser.add_argument("--patience", type=float, default=1, help="times the budget of each part; default: 1")
    parser.add_argument("--output", type=Path, help="where lines of JSON are written as they come")
    parser.add_argument("--without", nargs="+", default=[], metavar="PACKAGE", help="as if these were not installed")
    ask = parser.parse_args()
    lines: list[dict[str, Any]] = []
    for line in watched([part for part in BUDGETS if part in ask.only], ask):
        lines.append(line)
        print(json.dumps(line), file=sys.stderr, flush=True)
        if ask.output is not None:
            with ask.output.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")
    print_tables(lines)
    return int(any("error" in line for line in lines))


if __name__ == "__main__":
    sys.exit(main())
