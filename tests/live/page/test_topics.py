"""The topics of the page: adding, deleting with a way back, sharing, several on one stream."""

import re
import uuid

import httpx
import pytest
from playwright.sync_api import expect
from support.browser.tab import Open, add, said
from support.kafka.post_writer import PostWriter, post
from support.waiting import until
from support.workers import Worker


def test_a_topic_is_added_with_words_phrases_and_hashtags(visit: Open, worker: Worker, posting: PostWriter) -> None:
    with visit() as tab:
        page = tab.open("/").page
        page.get_by_label("Name").fill("Banjir Jalan")
        page.get_by_role("button", name="Add topic").click()
        expect(page.locator("#add-name-error")).to_contain_text("For example: banjir-jalan")
        page.get_by_label("Name").fill("jalan")
        track = page.get_by_label("Words, phrases, #hashtags")
        for term in ("macet", "tol dalam kota", "#jalanrusak"):
            track.fill(term)
            track.press("Enter")
        page.get_by_role("button", name="Add topic").click()
        expect(page.locator("#feed-title")).to_have_text("jalan")
        assert page.url.endswith("#jalan")
        assert set(worker.topics()["jalan"]["track"]) == {"macet", "tol dalam kota", "jalanrusak"}
        wanted = posting.write(post("MACET total"), post("di Tol dalam kota"), post("ada #jalanrusak lagi"))
        posting.write(post("tol luar kota lancar"))
        tab.wait_for_post(wanted[-1])
        assert tab.ids() == wanted[::-1]


def test_a_new_topic_shows_what_it_would_have_matched_while_one_types(
    visit: Open, worker: Worker, posting: PostWriter
) -> None:
    word = f"u{uuid.uuid4().hex[:8]}"
    posting.write(*(post(f"{word} nomor {n}") for n in range(7)), post("lain"))
    with visit() as tab:
        page = tab.open("/").page
        expect(page.get_by_label("Name")).to_be_visible()  # without topics the form is open
        shown = page.locator("#add-preview")
        expect(shown).to_be_hidden()
        words = page.get_by_label("Words, phrases, #hashtags")
        expect(words).to_be_enabled()  # keys pressed before it is would be lost
        words.press_sequentially(word)
        expect(shown).to_contain_text("7 posts of the last hour match. The new topic will not have them")
        expect(shown.locator(".preview-posts li")).to_have_count(5)
        words.fill("@nama")
        expect(shown.get_by_role("status")).to_have_text("No post of the last hour matches.")
        expect(shown.locator(".preview-warnings")).to_contain_text("@nama")
        words.fill("")
        expect(shown).to_be_hidden()
        page.get_by_label("Language").select_option("id")
        page.get_by_label("Nama").fill(word)
        expect(shown).to_contain_text("7 kiriman dalam satu jam terakhir cocok. Kiriman itu tidak akan ada")
        assert worker.topics() == {}


@pytest.mark.parametrize(
    ("locale", "words"),
    [
        (
            "en-GB",
            ("A name has 1 to 64", "Give the topic a name", "A phrase has at most", "with other words: macet"),
        ),
        ("id-ID", ("1 sampai 64 huruf", "Beri nama untuk topik", "paling panjang 100", "dan kata lain: macet")),
    ],
)
def test_what_is_wrong_with_a_new_topic_stands_beside_its_field_in_the_pages_language(
    visit: Open, worker: Worker, locale: str, words: tuple[str, ...]
) -> None:
    add(worker, "ada", "macet")
    with visit(locale=locale) as tab:
        page = tab.open("/").page
        page.locator("#add > summary").click()
        name, track = page.locator("#add-name"), page.locator("#add-track")
        given = (("Nama Saya", "", "name"), ("", "", "name"), ("baru", "x" * 101, "track"), ("ada", "hujan", "name"))
        for (named, terms, field), said in zip(given, words, strict=True):
            name.fill(named)
            track.fill(terms)
            page.locator("#add-button").click()
            expect(page.locator(f"#add-{field}-error")).to_contain_text(said)
            faulty = page.locator(f"#add-{field}")
            expect(faulty).to_be_focused()
            expect(faulty).to_have_attribute("aria-invalid", "true")
            assert f"add-{field}-error" in (faulty.get_attribute("aria-describedby") or "")
        assert set(worker.topics()) == {"ada"}


def test_deleting_waits_ten_seconds_can_be_taken_back_and_is_not_done_by_who_leaves(
    visit: Open, worker: Worker
) -> None:
    for name in ("hapus", "simpan", "tinggal", "lain"):
        add(worker, name)
    with visit() as tab, visit() as leaver, visit() as reader:
        for one, address in ((reader, "/#simpan,lain"), (leaver, "/#hapus"), (tab, "/#hapus")):
            one.with_clock().open(address)
            expect(one.page.locator('[data-topic="lain"]')).to_be_visible()
            one.stop_clock()
        for one, name in ((leaver, "tinggal"), (tab, "simpan"), (tab, "hapus")):
            one.menu(name, "remove")
            expect(one.page.locator(f'[data-topic="{name}"]')).to_have_count(0)
        leaver.page.goto("about:blank")
        reader.menu("lain", "remove")
        tab.page.get_by_role("button", name="Undo: keep the topic simpan").click()
        expect(tab.page.locator('[data-topic="simpan"]')).to_be_visible()
        for one in (tab, reader):
            one.later(9000)
            assert not {"/topics/hapus", "/topics/simpan", "/topics/lain"} & set(one.requests), "not yet asked for"
        assert {"hapus", "simpan", "tinggal", "lain"} <= set(worker.topics())
        for one in (tab, reader):
            one.later(1500)
        tab.wait_for_state("deleted")
        until(lambda: "lain" not in worker.topics(), 15, "the reader's is deleted too")
        expect(reader.page.locator("#feed-title")).to_have_text("simpan")
        assert reader.page.url.endswith("/#simpan"), "of several followed the others are left"
        assert {"simpan", "tinggal"} <= set(worker.topics()) and not {"hapus", "lain"} & set(worker.topics())


def test_a_deletion_can_be_taken_back_for_as_long_as_a_pointer_or_the_focus_of_a_keyboard_is_there(
    visit: Open, worker: Worker
) -> None:
    for name in ("tikus", "tombol", "jari", "lama"):
        add(worker, name)
    with visit() as tab, visit(viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True) as phone:
        page = tab.with_clock().open("/#tikus").page
        expect(page.locator('[data-topic="tombol"]')).to_be_visible()
        phone.with_clock().open("/#jari").wait_for_state("live")
        for one in (tab, phone):
            one.stop_clock()
        phone.page.locator('[data-topic="jari"] .more').tap()
        phone.page.locator('#topic-menu [data-act="remove"]').tap()
        expect(phone.page.locator("[data-undo=jari]")).to_be_visible()
        tab.menu("tikus", "remove")
        page.locator("[data-undo=tikus]").hover()
        tab.later(60_000)
        page.mouse.move(600, 10)
        page.locator('[data-topic="tombol"] .more').press("Enter")
        page.locator('#topic-menu [data-act="remove"]').press("Enter")
        expect(page.locator("[data-undo=tombol] button")).to_be_focused()
        tab.later(9000)
        assert {"tikus", "tombol", "jari"} <= set(worker.topics()), "the time began again"
        for one in (tab, phone):
            one.later(10_500)
        until(lambda: not {"tikus", "jari"} & set(worker.topics()), 15, "they are deleted")
        tab.later(60_000)
        expect(page.locator("[data-undo=tombol]")).to_be_visible()
        page.keyboard.press("Tab")
        tab.later(10_500)
        until(lambda: "tombol" not in worker.topics(), 15, "the keyboard has left it")
        page.locator('[data-topic="lama"] .more').press("Enter")
        page.locator('#topic-menu [data-act="remove"]').press("Enter")
        expect(page.locator("[data-undo=lama] button")).to_be_focused()
        tab.later(301_000)
        until(lambda: "lama" not in worker.topics(), 15, "five minutes are the most")


def test_counts_by_label_and_the_rate_are_those_of_the_server(
    visit: Open, worker: Worker, topic: str, posting: PostWriter
) -> None:
    posting.write(*(post(f"{topic} macet total di tol, truk mogok, lalu lintas padat {n}") for n in range(7)))
    with visit() as tab:
        tab.with_clock().open(f"/#{topic}")
        posting.write(*(post(f"{topic} selamat pagi, sudah sarapan? {n}") for n in range(4)))
        row = tab.page.locator(f'[data-topic="{topic}"]')
        until(lambda: worker.count(topic) == 11, 15, "all are counted")
        tab.later(4500)
        for label, count in worker.topics()[topic]["posts"].items():
            expect(row.locator(".count").filter(has_text=re.compile(rf"^{said(label)} {count}$"))).to_have_count(1)
        expect(row.locator(".rate")).to_have_text(re.compile(r"\d"))


def test_the_form_is_not_opened_where_all_topics_are_gone_for_a_moment(visit: Open, topic: str) -> None:
    with visit() as tab:
        page = tab.with_clock().open(f"/#{topic}").page
        expect(page.locator(f'[data-topic="{topic}"]')).to_be_visible()
        page.route("**/topics", lambda route: route.fulfill(json=[]))  # as of a demo that starts again
        tab.later(4500)
        expect(page.locator("#topics-note")).to_contain_text("There are no topics yet")
        assert page.locator("#add").get_attribute("open") is None
        tab.later(4500)
        expect(page.locator("#add")).to_have_attribute("open", "")


def test_several_topics_come_on_one_stream(visit: Open, worker: Worker, posting: PostWriter) -> None:
    for name in ("satu", "dua", "tiga"):
        add(worker, name)
    before = posting.write(post("satu lama"), post("dua dan satu"))
    with visit() as tab:
        tab.open("/#satu,dua").wait_for_state("live")
        first = [*before, *posting.write(post("satu"), post("dua"), post("satu dan dua"))]
        for id in first:
            tab.wait_for_post(id)
        assert sorted(tab.ids()) == sorted(first), "a post of both is there once"
        assert len(tab.streams()) == 1 and tab.streams()[0].startswith("/feeds/satu,dua?")
        chips = tab.page.locator(f'[data-id="{first[-1]}"] .topic-chip')
        expect(chips).to_have_text(["satu", "dua"])
        expect(tab.page.locator(f'[data-id="{before[1]}"] .topic-chip')).to_have_count(2)
        tab.page.locator('[data-topic="tiga"] .follow').check()
        tab.wait_for("() => location.hash === '#satu,dua,tiga'")
        tab.wait_for_state("live")
        until(lambda: worker.metric("tweetream_sse_clients") == 1, 10, "the first is closed")
        (third,) = posting.write(post("tiga"))
        tab.wait_for_post(third)
        assert len(tab.streams()) == 2


def test_an_address_shows_another_person_the_same(visit: Open, worker: Worker, posting: PostWriter) -> None:
    add(worker, "satu")
    add(worker, "dua")
    posting.write(post("satu macet total di tol, lalu lintas padat"), post("dua selamat pagi semua, sudah sarapan?"))
    with visit(permissions=["clipboard-read", "clipboard-write"]) as tab:
        tab.with_clock().open("/#satu,dua").page.wait_for_selector("#posts [data-id]")
        tab.later(4500)  # the labels come with the topics
        tab.choose_labels("traffic")
        tab.wait_for("() => location.search === '?label=traffic'")
        tab.more().get_by_role("button", name="Copy link").click()
        expect(tab.page.get_by_text("Link copied")).to_be_visible()
        address = tab.page.evaluate("navigator.clipboard.readText()").removeprefix(tab.origin)
        expect(tab.page.locator("#posts .badge")).to_have_text([re.compile("^traffic")])
        seen = tab.ids()
    assert address == "/?label=traffic#satu,dua"
    with visit() as other:
        other.open(address).wait_for_post(seen[0])
        assert other.ids() == seen
        assert all("label=traffic" in path for path in other.streams())


# The colour of an element, and the one that the page has for trouble.
COLOURS = """item => {
  const trouble = document.body.appendChild(document.createElement("i"));
  trouble.style.color = "var(--danger)";
  return [item, trouble].map(one => getComputedStyle(one).color);
}"""


def test_a_deleted_one_of_several_is_named_as_trouble_and_the_others_go_on(
    visit: Open, worker: Worker, posting: PostWriter
) -> None:
    add(worker, "satu")
    add(worker, "dua")
    with visit() as tab, visit(viewport={"width": 1920, "height": 1080}) as wall:
        tab.open("/#satu,dua").wait_for_state("live")
        wall.open("/?view=wall#satu;dua").wait_for_state("live")
        httpx.delete(f"{worker.url}/topics/dua", timeout=30).raise_for_status()
        (after,) = posting.write(post("satu lagi"))
        for one in (tab, wall):
            gone = one.page.locator("#gone")
            expect(gone).to_contain_text("dua")
            one.wait_for_state("live")
            colour, trouble = gone.evaluate(COLOURS)
            assert colour == trouble
            one.wait_for_post(after)
