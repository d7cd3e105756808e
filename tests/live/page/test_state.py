"""The page says truly how it stands with its feed: nothing stale is shown as live."""

import gzip
import random
import re
from pathlib import Path

import httpx
from playwright.sync_api import Browser, expect
from support.browser.line import Line
from support.browser.tab import Open, add, tab
from support.kafka.post_writer import PostWriter, post
from support.workers import Worker, workers

from tweetream.kafka.embedded import EmbeddedBroker, free_ports

# Notes each new state. The page writes the same one again whenever it draws, which is no change.
STATES = """() => {
  const state = document.getElementById("state");
  window.states = [];
  const watcher = new MutationObserver((changes) => {
    for (const { oldValue } of changes.slice(1)) note(oldValue);
    note(state.dataset.state);
  });
  const note = (name) => window.states.at(-1) === name || window.states.push(name);
  watcher.observe(state, { attributeFilter: ["data-state"], attributeOldValue: true });
}"""
IMPATIENT = (
    "(() => { const real = AbortSignal.timeout.bind(AbortSignal); AbortSignal.timeout = (ms) => real(ms / 5); })()"
)


def test_each_state_is_one_line_and_has_its_colour(visit: Open, topic: str) -> None:
    look = """name => {
      const state = document.querySelector("#state");
      state.dataset.state = name;
      return getComputedStyle(state).color;
    }"""
    with visit(viewport={"width": 1366, "height": 768}) as tab:
        tab.open(f"/#{topic}").wait_for_state("live")
        colours = {
            name: tab.page.evaluate(look, name)
            for name in ("live", "held", "paused", "catching", "lost", "waiting", "doubt", "deleted", "missing")
        }
    amber = {colours.pop(name) for name in ("held", "paused", "catching", "lost", "waiting", "doubt")}
    red = {colours.pop(name) for name in ("deleted", "missing")}
    assert len(amber) == len(red) == 1 and len({*amber, *red, *colours.values()}) == 3


def test_it_says_when_it_tries_again_and_does_and_has_missed_nothing(
    browser: Browser, worker: Worker, topic: str, posting: PostWriter
) -> None:
    before = posting.write(post(f"{topic} satu"))
    with Line(worker.port) as line, tab(browser, line.url) as reader:
        reader.open(f"/#{topic}").wait_for_post(before[0])
        reader.wait_for_state("live")
        reader.page.evaluate(STATES)
        line.cut()
        reader.wait_for_state("waiting")
        expect(reader.page).to_have_title(f"⚠ {topic} · Tweetream")
        expect(reader.page.locator("#state")).to_have_text(re.compile(r"Reconnecting\s+in \d+ s"), use_inner_text=True)
        missed = posting.write(post(f"{topic} dua"), post(f"{topic} tiga"))
        line.mend()
        reader.wait_for_post(missed[-1])
        reader.wait_for_state("live")
        assert reader.ids() == [*reversed(missed), *before]
        expect(reader.page).to_have_title(f"{topic} · Tweetream")
        states = reader.page.evaluate("() => window.states")
        assert states[-2:] == ["catching", "live"] and "waiting" in states, "it catches up before it is live"


def test_a_person_need_not_wait_until_it_tries_again(
    browser: Browser, worker: Worker, topic: str, posting: PostWriter
) -> None:
    with Line(worker.port) as line, tab(browser, line.url) as reader:
        reader.open(f"/#{topic}").wait_for_state("live")
        line.cut()
        reader.wait_for_state("waiting")
        line.mend()
        reader.page.get_by_role("button", name="Try now").click()
        reader.wait_for_state("live")


def test_a_server_that_says_nothing_any_more_is_not_shown_as_live(browser: Browser, worker: Worker, topic: str) -> None:
    with Line(worker.port) as line, tab(browser, line.url) as reader:
        reader.page.add_init_script(IMPATIENT)
        reader.with_clock().open(f"/#{topic}").wait_for_state("live")
        line.hold()
        reader.later(4500)
        reader.wait_for_state("doubt")
        line.mend()
        reader.later(4500)
        reader.wait_for_state("live")


def test_a_deleted_topic_is_said_to_be_and_followed_again_when_it_is_there_again(
    visit: Open, worker: Worker, topic: str, posting: PostWriter
) -> None:
    posting.write(post(f"{topic} satu"))
    with visit() as tab:
        tab.with_clock().open(f"/#{topic}").wait_for_state("live")
        httpx.delete(f"{worker.url}/topics/{topic}", timeout=30).raise_for_status()
        tab.wait_for_state("deleted")
        expect(tab.page.locator("#state")).to_contain_text("deleted")
        add(worker, topic)
        tab.later(4500)
        tab.wait_for_state("live")
        (again,) = posting.write(post(f"{topic} lagi"))
        tab.wait_for_post(again)
        assert tab.ids() == [again]


def test_a_topic_that_is_not_there_is_said_not_to_be(visit: Open) -> None:
    with visit() as tab:
        tab.open("/#tiada").wait_for_state("missing")
        expect(tab.page.locator("#state")).to_contain_text("There is no such topic")
        expect(tab.page.locator(".empty")).not_to_be_empty()


def test_where_posts_are_missing_the_list_says_so_there(
    browser: Browser, worker: Worker, topic: str, posting: PostWriter
) -> None:
    before = posting.write(post(f"{topic} satu"))
    with Line(worker.port) as line, tab(browser, line.url) as reader:
        reader.open(f"/#{topic}").wait_for_post(before[0])
        line.cut()
        reader.wait_for_state("lost", "waiting")
        httpx.delete(f"{worker.url}/topics/{topic}", timeout=30).raise_for_status()
        add(worker, topic)  # another feed: what was between the two nobody can know
        after = posting.write(post(f"{topic} dua"))
        line.mend()
        reader.wait_for_post(after[0])
        items = "items => items.map(item => item.dataset.id ?? item.textContent)"
        shown = reader.page.eval_on_selector_all(".posts > li", items)
        assert [shown[0], shown[2]] == [*after, *before] and "Posts are missing here" in shown[1]


def test_a_source_that_is_refused_or_away_is_named_with_the_reason(
    browser: Browser, embedded_broker: EmbeddedBroker, namespace: str, tmp_path: Path
) -> None:
    broken = tmp_path / "rusak.txt.gz"
    lines = random.Random(1).randbytes(3_000_000).hex("\n", 1500)  # more than is looked at before a worker starts
    broken.write_bytes(gzip.compress(lines.encode(), 1)[:-20])
    away = f"ws://127.0.0.1:{free_ports(1)[0]}"
    sources = f"replay:{broken}?rate=0 bluesky:?url={away}"
    with (
        workers(1, embedded_broker.url, namespace, tmp_path, SOURCES=sources, TOPICS="macet", PARTITIONS=1) as (
            worker,
        ),
        tab(browser, worker.url) as reader,
    ):
        reader.open("/#macet")
        refused = reader.page.locator("#sources [data-source^='replay:']")
        expect(refused).to_contain_text("refused")
        expect(refused).to_contain_text("rusak.txt.gz")
        expect(reader.page.locator("#sources [data-source^='bluesky:']")).to_contain_text(
            re.compile(r"cannot be reached.*(tries again in \d+ s|tries again now)|tries again now")
        )
        expect(reader.page.locator(".empty")).to_contain_text("no source is sending any")
