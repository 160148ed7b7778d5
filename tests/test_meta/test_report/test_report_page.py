"""The page of the report: complete, harmless, small, and the same in every browser window."""

import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from support.reported import SCRIPT, draw_pictures, report_facts, with_copies

from meta.records import Contributions, StackReport
from meta.report.class_section import class_tables
from meta.report.facts import CandidateScores, ModalityRow, ModalityTable, ReportFacts, TaskFacts
from meta.report.leaderboard import make_leaderboard
from meta.report.page import best_candidates, best_cells, draw_page, rule_numbers, verdict
from meta.wording import GLOSSARY, format_interval, format_mean_std, tuning_note

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
MINUTES = 300_000  # for a busy machine, in milliseconds
HEADINGS = (
    "Signs of a leak",
    "Warnings",
    "Which modalities it takes",
    "The best meta-estimator of each task",
    "Leaderboard",
    "Learners as papers report them",
    "Class by class",
    "Decision rule",
    "Confusion",
    "Reliability",
    "Scores by",
    "Learning curves",
    "Who errs alike",
    "Who contributes",
    "Which modality decided",
    "Labels under suspicion",
    "Hardest posts",
    "Copies with conflicting labels",
    "The labelled test part",
    "The data",
    "Provenance",
    "Glossary",
    *GLOSSARY,
)


class Elements(HTMLParser):
    """All start tags of a page with their attributes, and its visible text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of three tasks, as a file beside its images."""
    root = tmp_path_factory.mktemp("report")
    draw_pictures(root)
    (root / "report.html").write_text(draw_page(report_facts(), root), encoding="utf-8")
    return root / "report.html"


@pytest.fixture(scope="module")
def page(written: Path) -> str:
    return written.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def elements(page: str) -> Elements:
    return Elements(page)


def test_what_strangers_wrote_is_shown_and_makes_no_element(elements: Elements) -> None:
    assert SCRIPT in elements.text
    assert not {"script", "iframe", "object", "form", "base"} & {tag for tag, _ in elements.tags}
    assert sum(tag == "style" for tag, _ in elements.tags) == 1
    assert not [name for _, attributes in elements.tags for name in attributes if name.startswith("on")]


def test_everything_that_could_be_fetched_is_data_or_on_the_page(elements: Elements) -> None:
    fetched = ("src", "href", "xlink:href", "srcset", "poster", "data", "background")
    links = [value or "" for _, given in elements.tags for name, value in given.items() if name in fetched]
    assert links
    assert all(link.startswith(("data:", "#")) for link in links)
    policies = [given["content"] for tag, given in elements.tags if tag == "meta" and "http-equiv" in given]
    assert policies and (policies[0] or "").startswith("default-src 'none'")


def test_texts_keep_no_control_character_and_long_ones_are_cut_with_a_note(page: str, elements: Elements) -> None:
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f]", page)
    assert "(9,788 more characters)" in elements.text
    assert "\u05de\u05d9 \u05e9\u05dc\u05d0" in elements.text


def test_every_link_of_the_page_leads_to_a_place_and_every_id_is_there_once(elements: Elements) -> None:
    ids = [given["id"] for _, given in elements.tags if "id" in given]
    assert len(ids) == len(set(ids))
    links = {given["href"] for tag, given in elements.tags if tag == "a"}
    assert {"#headline", "#task-1", "#task-2", "#task-3", "#audit", "#provenance"} <= links
    assert {str(link)[1:] for link in links} <= set(ids)


def test_figures_and_images_say_in_words_what_they_show(elements: Elements) -> None:
    charts = [given for tag, given in elements.tags if tag == "svg" and given.get("class") == "chart"]
    assert len(charts) >= 3 * 7
    assert all(given["role"] == "img" and given["aria-label"] for given in charts)
    assert all(given["alt"] for tag, given in elements.tags if tag == "img")


def test_each_section_stands_in_the_page(elements: Elements) -> None:
    for heading in HEADINGS:
        assert heading in elements.text
    assert "clip_joint *" in elements.text, "unknown folds are marked"
    assert "xlnet is redundant" in elements.text


def test_equal_facts_give_equal_bytes(written: Path, page: str) -> None:
    assert draw_page(report_facts(), written.parent) == page


def test_nine_tasks_of_fifty_learners_stay_under_five_megabytes_and_say_what_is_left_out(written: Path) -> None:
    facts = report_facts(9)
    tasks = [with_copies(task, 50) for task in facts.tasks]
    large = draw_page(replace(facts, tasks=tasks), written.parent)
    assert len(large.encode()) < 5_000_000
    assert "weaker models are in the table only" in large
    assert "of 12; all are in report.json" in large


def test_a_bare_run_of_one_learner_has_a_page(tmp_path: Path) -> None:
    facts = report_facts(1, ["tfidf"])
    (task,) = facts.tasks
    report: StackReport = {**task.report, "warnings": {"log_loss": None, "rare_classes": {}, "unknown_folds": []}}
    report["rule"] = {"kind": "arg_max", "numbers": []}
    nothing: Contributions = {"learners": {}, "modalities": {}, "draws": 0, "subsets": 0}
    bare = TaskFacts(report, {}, nothing, {}, {}, task.diversity, {}, [], [], [], {}, {})
    page = draw_page(replace(facts, tasks=[bare], test_rows=0, table7=ModalityTable(), table8=[]), tmp_path)
    assert task.name in Elements(page).text
    assert "Who errs alike" not in page


def test_a_difference_is_beyond_noise_only_where_its_interval_leaves_out_zero() -> None:
    assert verdict({"value": 0.02, "low": 0.001, "high": 0.04}) == "better"
    assert verdict({"value": -0.02, "low": -0.04, "high": -0.001}) == "worse"
    assert verdict({"value": 0.02, "low": -0.001, "high": 0.04}) == "even"
    assert verdict({"value": 0.02, "low": None, "high": None}) == "even"


def papers_rows(facts: ReportFacts, folder: Path, task: int = 0) -> list[list[str]]:
    """The cells of a task's table, row by row."""
    return cells_of(re.findall(r'<table class="papers">.*?</table>', draw_page(facts, folder), re.DOTALL)[task])


def cells_of(page: str) -> list[list[str]]:
    """The text of the cells of the first table, row by row."""
    rows = re.findall(r"<tr.*?</tr>", page.partition("</table>")[0], re.DOTALL)
    cells = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.DOTALL) for row in rows]
    return [[" ".join(re.sub("<.*?>", "", cell).split()) for cell in row] for row in cells]


def test_learners_are_shown_in_the_metrics_of_papers_with_their_size_and_seeds(tmp_path: Path) -> None:
    facts = report_facts(1, ["tfidf", "bert_large"])
    groups, head, *rows = papers_rows(facts, tmp_path)
    assert groups[1] == "over 5 folds" and head[:3] == ["learner", "accuracy", "macro-F1"]
    assert head[-2:] == ["macro-F1 over seeds alone", "trained / all parameters"]
    by_name = {row[0]: row for row in rows}
    assert list(by_name)[-2:] == ["stack", "majority class"] and {"tfidf †", "bert_large *"} < set(by_name)
    over_folds = facts.tasks[0].report["learners"]["tfidf"]["folds"]["metrics"]["accuracy"]
    assert by_name["tfidf †"][1] == format_mean_std(over_folds["mean"], over_folds["std"])
    assert all(re.fullmatch(r"\.\d{3} ±\.\d{3}", cell) for cell in by_name["tfidf †"][1:5])
    assert by_name["tfidf †"][5:] == [".480 ±.014 of 2", ""]
    assert by_name["bert_large *"][-1] == "0.2 / 151.5 M"


def test_the_labelled_test_part_stands_beside_the_folds(tmp_path: Path) -> None:
    facts = report_facts(2, ["tfidf", "bert_large"])
    cards = facts.tasks[1].report["test"]["cards"]
    labelled = cards["stack"]["rows"]
    del cards["bert_large"]
    groups, head, *rows = papers_rows(facts, tmp_path, task=1)
    assert groups[1:3] == ["over 5 folds", f"labelled test part, {labelled} rows"] and len(head) == 1 + 2 * 4 + 2
    tested = {row[0]: row[5:9] for row in rows}
    assert all(re.fullmatch(r"\.\d{3}", cell) for cell in tested["stack"] + tested["tfidf †"])
    assert tested["bert_large *"] == [""] * 4, "of one that is not stacked nothing is known"


def test_learners_stand_class_by_class_on_every_labelled_part(tmp_path: Path) -> None:
    facts = report_facts(2, ["tfidf", "bert_large"]).tasks[1]
    cards, tested = facts.report["learners"], facts.report["test"]["cards"]
    folds, test = class_tables(make_leaderboard(facts), facts)
    assert [(table.title, table.rows) for table in (folds, test)] == [
        ("out of fold", facts.report["stack"]["rows"]),
        ("labelled test part", tested["stack"]["rows"]),
    ]
    for table, of_part in ((folds, {**cards, "stack": facts.report["stack"]}), (test, tested)):
        assert table.models[-1].model.name == "stack" and len(table.models) == 3
        assert all(row.classes == of_part[row.model.name]["classes"] for row in table.models)
        for name in table.support:
            best = max(round(row.classes[name]["f1"], 3) for row in table.models)
            assert all((round(row.classes[name]["f1"], 3) == best) == (name in row.best) for row in table.models)
    page = draw_page(replace(report_facts(1), tasks=[facts]), tmp_path)
    assert "Class by class" in page and "Labelled test part, 30 rows" in page


def test_cards_of_an_older_run_show_their_scores_without_a_deviation(tmp_path: Path) -> None:
    facts = report_facts(1, ["tfidf"])
    (task,) = facts.tasks
    for card in (task.report["learners"]["tfidf"], task.report["stack"]):
        del card["folds"]["metrics"]
    rows = papers_rows(replace(facts, tasks=[replace(task, seeds={})]), tmp_path)
    assert all(re.fullmatch(r"\.\d{3}", cell) for cell in rows[2][1:5])


def test_a_tuned_learner_is_marked_and_what_its_score_is_worth_is_said(page: str) -> None:
    assert "\N{DAGGER}</bdi>" in page
    assert "chosen by scores on the rows of other folds than fold 0, 1, so its own" in page
    assert re.search(r'class="score">[^<]+ †<', page), "the headline, too"
    card = {"folds": {"values": [0.5, 0.6, 0.7, None]}}
    assert tuning_note("bert", {"judged": [1, 2, 3]}, card).endswith(
        "on fold 0 it has .500 (against .650 on the others)."
    )
    assert tuning_note("bert", {"judged": [0, 1, 2]}, card).startswith(
        "bert: its parameters were chosen by scores on these"
    )


def test_the_numbers_of_a_rule_stand_beside_their_classes() -> None:
    assert (
        rule_numbers({"kind": "class_biases", "numbers": [-0.25, 0.5]}, ["no", "yes"])
        == "no \N{MINUS SIGN}.250, yes +.500"
    )
    assert rule_numbers({"kind": "cut_points", "numbers": [0.5, 1.25]}, ["0", "1", "2"]) == ".500, 1.250"
    assert rule_numbers({"kind": "arg_max", "numbers": []}, ["no", "yes"]) == ""


def modality_table(columns: Sequence[Sequence[float | None]], metrics: Sequence[Sequence[str]]) -> ModalityTable:
    scores = [[{"value": value} if value else None for value in row] for row in zip(*columns, strict=True)]
    return ModalityTable([""] * len(columns), metrics, [ModalityRow("", row) for row in scores])


def test_the_best_of_a_column_passes_over_missing_scores() -> None:
    table = modality_table([[0.4, 0.5, 0.5], [None, None, None]], [["macro_f1"], ["macro_f1"]])
    missing = ModalityRow("", [None, {"value": None}])
    assert best_cells(replace(table, rows=[*table.rows, missing])) == {(1, 0), (2, 0)}


def test_the_best_of_a_column_is_the_least_where_its_metric_is_better_small() -> None:
    metrics = [["macro_f1"], ["log_loss"], ["log_loss", "macro_f1"]]
    found = best_cells(modality_table([[0.4, 0.6]] * 3, metrics))
    assert found == {(1, 0), (0, 1)}, "a mean of both kinds has no best"


def test_what_the_stack_gains_on_each_rival_stands_under_that_rival(page: str) -> None:
    head, *rows = cells_of(page[page.index('aria-label="What was chosen for each task"') :])
    for row, task in zip(rows, report_facts().tasks, strict=True):
        shown = dict(zip(head, row, strict=True))
        assert len(task.report["against"]) == 3
        for rival, gain in task.report["against"].items():
            in_words = format_interval(gain, "+").replace("-", "\N{MINUS SIGN}")
            assert shown[f"against the {rival.partition(' (')[0]}"] == in_words


def test_all_that_share_the_best_score_as_it_is_shown_are_best() -> None:
    values = {"soft_vote": 0.5004, "greedy": 0.4996, "simplex": 0.4994, "xgboost": None}
    row = CandidateScores("humour", "B", "macro_f1", "", (), {name: {"value": value} for name, value in values.items()})
    assert best_candidates([row]) == {("humour", "soft_vote"), ("humour", "greedy")}


def test_lines_of_reliability_that_coincide_are_named(tmp_path: Path) -> None:
    facts = report_facts(1)
    (task,) = facts.tasks
    other = replace(task.reliability["stack"], accuracy=[0.1 for _ in task.reliability["stack"].accuracy])
    for curve, said in ((other, False), (task.reliability["stack"], True)):
        shown = replace(task, reliability={**task.reliability, "plain mean": curve})
        page = draw_page(replace(facts, tasks=[shown]), tmp_path)
        assert ("The line of the plain mean is that of the stack." in Elements(page).text) == said


def test_a_post_under_suspicion_is_not_shown_again_among_the_hardest(tmp_path: Path) -> None:
    facts = report_facts(1)
    (task,) = facts.tasks
    assert {post["id"] for post in task.label_issues[:8]} & {post["id"] for post in task.hardest[:8]}
    posts = re.findall(r'<p class="id">.*?</p>', draw_page(facts, tmp_path))
    assert len(posts) == len(set(posts)) > 8


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine")
    with playwright.sync_playwright() as started:
        opened = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"], timeout=MINUTES)
        yield opened
        opened.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_in_a_browser_nothing_runs_nothing_is_fetched_nothing_overflows(
    browser: Any, written: Path, width: int, scheme: str
) -> None:
    shown = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    shown.set_default_timeout(MINUTES)
    requests: list[str] = []
    trouble: list[str] = []
    shown.on("request", lambda request: requests.append(request.url))
    shown.on("dialog", lambda dialog: (trouble.append(dialog.message), dialog.dismiss()))
    shown.on("console", lambda message: trouble.append(message.text))
    shown.on("pageerror", lambda error: trouble.append(str(error)))
    shown.goto(written.as_uri())
    assert [url for url in requests if not url.startswith("data:")] == [written.as_uri()]
    assert trouble == []
    assert shown.evaluate("document.documentElement.scrollWidth") == width
    assert shown.evaluate("[...document.images].every(image => image.complete && image.naturalWidth > 0)")
    assert shown.evaluate(OUTSIDE) == [], "only what scrolls by itself may be wider than the page"
    shown.close()


def test_in_a_browser_the_page_can_be_used_with_the_keyboard_alone(browser: Any, written: Path) -> None:
    shown = browser.new_page(viewport={"width": 1280, "height": 900})
    shown.set_default_timeout(MINUTES)
    shown.goto(written.as_uri())
    shown.keyboard.press("Tab")
    assert shown.evaluate("document.activeElement.textContent") == "Skip to the report"
    assert shown.evaluate("document.activeElement.getBoundingClientRect().left") >= 0
    shown.keyboard.press("Enter")
    assert shown.evaluate("location.hash") == "#headline"
    assert shown.evaluate(
        "[...document.querySelectorAll('.scroll')].every(box => box.tabIndex === 0 && box.getAttribute('aria-label'))"
    )
    shown.close()


def test_in_a_browser_a_link_opens_the_closed_section_of_its_task_and_print_shows_all(
    browser: Any, written: Path
) -> None:
    many = written.with_name("many.html")
    many.write_text(draw_page(report_facts(5), written.parent), encoding="utf-8")
    shown = browser.new_page(viewport={"width": 390, "height": 900})
    shown.set_default_timeout(MINUTES)
    shown.goto(many.as_uri())
    assert shown.evaluate("document.documentElement.scrollWidth") == 390
    assert shown.evaluate(OPEN) == [True, False, False, False, False]
    shown.click("nav a[href='#task-5']")
    assert shown.evaluate(OPEN) == [True, False, False, False, True]
    top = shown.evaluate("document.querySelector('#task-5').previousElementSibling.getBoundingClientRect().top")
    assert 0 <= top < 300
    assert not shown.evaluate(ALL_SEEN)
    shown.emulate_media(media="print")
    assert shown.evaluate(ALL_SEEN)
    shown.close()


OPEN = "[...document.querySelectorAll('details.task')].map(section => section.open)"
ALL_SEEN = "[...document.querySelectorAll('details.task > div')].every(held => held.checkVisibility())"
OUTSIDE = """
[...document.querySelectorAll('main *, header *')].filter(element => {
  const box = element.getBoundingClientRect();
  return box.right > innerWidth + 1 && !element.closest('.scroll, pre, svg');
}).map(element => element.outerHTML.slice(0, 80))
"""
