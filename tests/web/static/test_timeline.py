"""The posts that the page has, and their past: each once, in order, and nothing missing above the lower end."""

from pathlib import Path
from typing import Any

import pytest
from support.browser import page_modules

pytestmark = pytest.mark.node
# Feeds of numbered posts, as a server would give them: `live` makes a stream's entry, `page` a page of the past.
FEEDS = """
import { Past } from "./past.js";
import { entryOf, postOf, Timeline } from "./timeline.js";
const time = (at) => new Date(1.7e12 + at * 1000).toISOString();
const json = (id, topic, at, text = "") => JSON.stringify({ id, topic, source: "x", url: "", author: "", text, lang: "",
  created_at: time(at), received_at: time(at), label: "traffic", score: 1 });
const live = (topic, offset, { id = `${topic}${offset}`, at = offset, text } = {}) =>
  entryOf(json(id, topic, at, text), `${topic}@g:${offset}`);
const feeds = { a: 0, b: 0 };
const page = async (name, { before, last }) => {
  const end = before ? Number(before.split(":")[1]) : feeds[name];
  const start = Math.max(0, end - last);
  const posts = [];
  for (let n = start; n < end; n += 1)
    posts.push({ ...JSON.parse(json(`${name}${n}`, name, n)), position: `${name}@g:${n}` });
  return { posts, before: start ? `${name}@g:${start}` : null, after: end ? `${name}@g:${end - 1}` : null };
};
const ids = (entries) => entries.map((entry) => entry.id);
// Lets in what waits, then reads all of the past: ids, newest first.
async function all(timeline, past) {
  timeline.release();
  timeline.trim();
  for (const [name, before] of timeline.takeLetGo()) past.back(name, before);
  while (!past.ended) timeline.addOlder(await past.next(50), past.ended);
  return ids(timeline.entries);
}
"""


def run(folder: Path, script: str) -> Any:
    return page_modules.run(folder, FEEDS + script)


def test_a_flood_is_cut_at_its_lower_end_and_the_rest_can_be_read_back(tmp_path: Path) -> None:
    seen = run(
        tmp_path,
        """
        const [timeline, past] = [new Timeline(false), new Past(page, ["a"])];
        for (; feeds.a < 2000; feeds.a += 1) timeline.add(live("a", feeds.a), true);
        const held = [timeline.waiting, timeline.queued, timeline.overflowing];
        console.log(JSON.stringify({ held, ids: await all(timeline, past) }));
        """,
    )
    assert seen["held"][0] == 2000 and seen["held"][1] <= 600 and seen["held"][2]
    assert seen["ids"] == [f"a{n}" for n in reversed(range(2000))]


def test_several_topics_are_ordered_by_time_and_cut_at_one_time(tmp_path: Path) -> None:
    seen = run(
        tmp_path,
        """
        const [timeline, past] = [new Timeline(true), new Past(page, ["a", "b"])];
        for (; feeds.a < 1500; feeds.a += 1) timeline.add(live("a", feeds.a), false);  // a stream catches up so:
        for (; feeds.b < 1500; feeds.b += 1) timeline.add(live("b", feeds.b), false);  // a piece of each in turn
        console.log(JSON.stringify(await all(timeline, past)));
        """,
    )
    assert sorted(seen) == sorted(f"{topic}{n}" for topic in "ab" for n in range(1500))
    times = [int(id[1:]) for id in seen]
    assert times == sorted(times, reverse=True)


def test_a_post_of_two_topics_is_one_entry_with_both(tmp_path: Path) -> None:
    seen = run(
        tmp_path,
        """
        const timeline = new Timeline(true);
        const added = [timeline.add(live("a", 1, { id: "x" }), true), timeline.add(live("b", 1, { id: "x" }), true)];
        timeline.release();
        timeline.add(live("a", 1, { id: "x" }), false);
        const shown = timeline.entries.map((entry) => [entry.id, entry.topics]);
        console.log(JSON.stringify([added, timeline.waiting, shown]));
        """,
    )
    assert seen == [[True, False], 0, [["x", ["a", "b"]]]]


def test_what_was_taken_back_is_gone_from_list_queue_and_past_and_does_not_come_again(tmp_path: Path) -> None:
    seen = run(
        tmp_path,
        """
        const [timeline, past] = [new Timeline(false), new Past(page, ["a"])];
        feeds.a = 5;
        timeline.retract("a1");
        timeline.addOlder(await past.next(50), past.ended);
        timeline.add(live("a", 5), true);
        timeline.add(live("a", 6), true);
        for (const id of ["a3", "a5", "nobody"]) timeline.retract(id);
        const waiting = timeline.waiting;
        timeline.release();
        timeline.add(live("a", 5), false);
        timeline.release();
        console.log(JSON.stringify([waiting, ids(timeline.entries)]));
        """,
    )
    assert seen == [1, ["a6", "a4", "a2", "a0"]]


def test_fields_are_found_without_parsing_and_not_in_what_somebody_wrote(tmp_path: Path) -> None:
    seen = run(
        tmp_path,
        r"""
        const text = '","label":"fake","received_at":"1999-01-01T00:00:00.000Z" \\","label":"fake';
        const entry = live("a", 7, { text });
        const odd = entryOf(json('q"\\u0041', "a", 1), "a@g:1");
        const none = ["", "null", "[]", '{"id":1}', '{"id":"a"', "x"].map((data) => entryOf(data, ""));
        const quick = [entry.label, entry.time === Date.parse(time(7)), "post" in entry];
        console.log(JSON.stringify([...quick, postOf(entry).text === text, odd.id, none]));
        """,
    )
    assert seen == ["traffic", True, False, True, 'q"\\u0041', [None] * 6]


def test_a_post_of_two_topics_in_one_page_of_the_past_is_one_entry_of_both(tmp_path: Path) -> None:
    seen = run(
        tmp_path,
        """
        const timeline = new Timeline(true);
        timeline.addOlder([live("a", 1, { id: "p" }), live("b", 7, { id: "p", at: 1 }), live("a", 0)], true);
        console.log(JSON.stringify([ids(timeline.entries), timeline.entries[0].topics]));
        """,
    )
    assert seen == [["p", "a0"], ["a", "b"]]
