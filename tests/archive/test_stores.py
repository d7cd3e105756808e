"""What every database does alike with batches: posts once, all topics, retractions, retention, counts, offsets."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import text
from support.archives import FEED, batch, numbered, row, store
from support.kafka.deployment import BEGIN, entry

from tweetream.archive.address import parse_address
from tweetream.archive.batch import Batch
from tweetream.archive.rows import BITS, FeedState
from tweetream.archive.schema import VERSION
from tweetream.archive.search import ArchiveReader, Search
from tweetream.archive.words import parse_query
from tweetream.models.feed import Stamp

Query = Callable[[str], list[Any]]


def id(n: int) -> str:
    return f"replay:posts.txt:{n}"


@pytest.fixture
def archive(database_url: str) -> Iterator[Any]:
    found: Any = store(database_url)
    found.open()
    yield found
    found.close()


@pytest.fixture
def query(archive: Any) -> Query:
    def ask(statement: str) -> list[Any]:
        with archive._engine.connect() as connection:
            return [tuple(found) for found in connection.execute(text(statement))]

    return ask


def test_a_post_has_all_its_fields_and_the_order_of_keys_is_that_of_time(archive: Any, query: Query) -> None:
    assert archive.write(numbered(5, 3, 4)) == 3
    fields = "id, source, url, author, text, lang, label, score"
    assert query(f"SELECT {fields} FROM posts ORDER BY key") == [
        (id(n), "replay", "", f"author{n % 7}", f"macet di jalan {n}", "id", entry(n).label, entry(n).score)
        for n in (3, 4, 5)
    ]
    keys = query("SELECT key FROM posts ORDER BY key")
    assert [key >> BITS for (key,) in keys] == [BEGIN + 1000 * n for n in (3, 4, 5)]
    times = query("SELECT CAST(created_at AS TEXT), CAST(received_at AS TEXT) FROM posts ORDER BY key")[1]
    assert all(time.replace(" ", "T").startswith("2026-09-21T14:13:24") for time in times)


def test_a_post_of_two_topics_is_one_row_in_one_batch_or_in_two(archive: Any, query: Query) -> None:
    both = Batch([row(entry(1), "macet"), row(entry(1), "hujan"), row(entry(2), "macet")])
    assert archive.write(both) == 2
    assert archive.write(numbered(2, topic="tol")) == archive.write(numbered(2, topic="tol")) == 0
    found = {name: sorted(archive._topics_of(topics)) for name, topics in query("SELECT id, topics FROM posts")}
    assert found == {id(1): ["hujan", "macet"], id(2): ["macet", "tol"]}
    pairs = query("SELECT topic, id FROM post_topics JOIN posts USING (key) ORDER BY topic, id")
    assert pairs == [("hujan", id(1)), ("macet", id(1)), ("macet", id(2)), ("tol", id(2))]
    counted = query("SELECT topic, sum(posts) FROM post_counts GROUP BY topic ORDER BY topic")
    assert [(name, int(number)) for name, number in counted] == [("hujan", 1), ("macet", 2), ("tol", 1)]


def test_a_retracted_post_is_taken_out_and_does_not_come_back_until_that_is_revoked(archive: Any, query: Query) -> None:
    archive.write(numbered(*range(6)))
    gone = Batch(numbered(7, 8).rows, retracted={id(2): BEGIN, id(8): 2**41, id(9): 2**41})
    gone.retracted[id(2)] = 2**41
    assert archive.write(gone) == 1
    assert archive.write(numbered(2, 8, 9)) == 0
    assert query("SELECT id FROM posts ORDER BY key") == [(id(n),) for n in (0, 1, 3, 4, 5, 7)]
    assert query("SELECT count(*) FROM post_topics") == [(6,)]
    assert [int(number) for (number,) in query("SELECT sum(posts) FROM post_counts")] == [6]
    assert archive.write(Batch(numbered(8).rows, retracted={id(8): None})) == 1


def test_what_no_feed_can_have_any_more_is_not_remembered_as_retracted(archive: Any, query: Query) -> None:
    archive.write(Batch(retracted={id(1): 1, id(2): 2**41}))
    assert query("SELECT id FROM retracted") == [(id(2),)]


def test_old_posts_are_deleted_some_at_a_time(archive: Any, query: Query) -> None:
    archive.write(numbered(*range(0, 600, 60)))
    before = BEGIN + 1000 * 300
    assert [archive.expire(before, 3) for _ in range(3)] == [3, 2, 0]
    assert query("SELECT id FROM posts ORDER BY key") == [(id(n),) for n in (300, 360, 420, 480, 540)]
    assert query("SELECT count(*) FROM post_topics") == [(5,)]


def test_the_offsets_and_stamps_are_those_of_the_rows(archive: Any, database_url: str) -> None:
    state = FeedState("macet", 17)
    state.stamps.admit(Stamp(3, 5, 7, 9))
    archive.write(Batch(numbered(1).rows, {FEED: state}))
    archive.close()
    second = store(database_url)
    found = second.open()[FEED]
    second.close()
    assert (found.topic, found.next_offset) == ("macet", 17) and found.stamps.each() == [Stamp(3, 5, 7, 9)]


def test_a_post_may_have_any_text_and_know_little(archive: Any, query: Query) -> None:
    posts = [entry(n, text=said) for n, said in enumerate(["a\0b", "渋滞 🚗", "'); DROP TABLE posts; --", "\\N\t\n\r"])]
    posts[0].created_at = None
    posts[1].id = "x\0y"
    assert archive.write(batch(posts)) == archive.write(Batch(retracted={post.id: 2**41 for post in posts})) + 4
    assert query("SELECT count(*) FROM posts") == [(0,)]


def test_each_text_comes_back_and_is_found_as_it_was(archive: Any, database_url: str) -> None:
    texts = ["a\tb\\n\nc\r\\N", "{'x'}:1,2 'q' \\.", "ट्रैफिक जाम यातायात", f"{'x' * 3000} macet", "\\."]
    archive.write(batch([entry(n, text=said) for n, said in enumerate(texts)]))
    reader = ArchiveReader(parse_address(database_url))

    def found(query: str) -> list[str]:
        return [post.text for post in reader.oldest(Search(tuple(parse_query(query))), 10)]

    try:
        assert [post.text for post in reader.oldest(Search(), 10)] == texts
        assert found("यातायात") == found('"जाम यातायात"') == [texts[2]]
        assert found("macet") == [texts[3]] and found("1 q") == [texts[1]] and found("macet -जाम") == [texts[3]]
    finally:
        reader.close()


def test_the_ids_of_an_author_are_found_with_and_without_the_sign(archive: Any) -> None:
    archive.write(numbered(*range(10)))
    assert sorted(archive.ids_of("@author2")) == sorted(archive.ids_of("author2")) == [id(2), id(9)]
    assert archive.retract({id(2): 2**41, id(9): 2**41, id(99): 2**41}) == 2 and archive.ids_of("author2") == []


def test_an_archive_of_the_first_version_is_brought_to_the_present_one(
    archive: Any, query: Query, database_url: str
) -> None:
    archive.write(numbered(0, 1))
    with archive._engine.begin() as connection:
        connection.execute(text("DROP INDEX posts_id"))
        connection.execute(text("ALTER TABLE feeds DROP COLUMN log"))
        connection.execute(text("UPDATE archive SET version = 1"))
        if connection.dialect.name == "postgresql":
            connection.execute(text("ALTER TABLE posts ADD CONSTRAINT posts_id_key UNIQUE (id)"))
    archive.close()
    second: Any = store(database_url)
    (state,) = second.open().values()
    assert (state.next_offset, state.log) == (2, "") and query("SELECT version FROM archive") == [(VERSION,)]
    assert second.write(numbered(1, 2)) == 1 and query("SELECT count(*) FROM posts") == [(3,)]
    assert second.retract({id(1): 2**41}) == 1 and query("SELECT count(*) FROM posts") == [(2,)]
    second.close()
