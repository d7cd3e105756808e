"""A file is replayed completely: each line counts once, from any position, at its rate, in bounded memory."""

import bz2
import gzip
import json
import random
import tracemalloc
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from tweetream.models.drop import Drop
from tweetream.models.post import MAX_BYTES, MAX_POSTS, Post
from tweetream.sources.base import MAX_LINE, MAX_TEXT, Chunk, SourceError
from tweetream.sources.replay.source import Replay

NOW = 1_800_000_000_000
PostsAndDrops = tuple[list[Post], Counter[Drop]]


class Clock:
    """Time that passes only in sleep()."""

    def __init__(self) -> None:
        self.now = 100.0
        self.naps: list[float] = []

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.naps.append(seconds)
        self.now += seconds


def replay(path: Path, query: str = "rate=0", clock: Clock | None = None) -> Replay:
    clock = clock or Clock()
    return Replay(f"replay:{path}?{query}", clock=clock, sleep=clock.sleep, wall=lambda: NOW)


async def read(source: Replay, position: str | None = None, most: int = 10**9) -> list[Chunk]:
    chunks, posts = list[Chunk](), 0
    async for chunk in source.chunks(position):
        assert len(chunk.posts) <= MAX_POSTS and chunk.position
        assert len(chunk.posts) <= 1 or sum(len(p.text.encode()) for p in chunk.posts) <= MAX_BYTES
        chunks.append(chunk)
        posts += len(chunk.posts)
        if posts >= most:
            break
    return chunks


async def everything(source: Replay, position: str | None = None, most: int = 10**9) -> PostsAndDrops:
    chunks = await read(source, position, most)
    return [p for c in chunks for p in c.posts], sum((c.dropped for c in chunks), Counter())


def write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


async def test_each_line_of_a_text_is_a_post_with_its_number(tmp_path: Path) -> None:
    posts, dropped = await everything(replay(write(tmp_path / "a.txt", b"\xef\xbb\xbfone\n\n  \ntwo\r\nthree")))
    assert [(p.id, p.text) for p in posts] == [
        ("replay:a.txt:1", "one"),
        ("replay:a.txt:4", "two"),
        ("replay:a.txt:5", "three"),
    ]
    assert dropped == {Drop.BLANK: 2}
    assert {(p.source, p.created_at, p.received_at) for p in posts} == {("replay", None, NOW)}


async def test_a_line_ends_at_lf_and_nowhere_else(tmp_path: Path) -> None:
    text = "a\rb\u2028c\x00d\x85e\x0bf\x0cg\x1ch"
    posts, _ = await everything(replay(write(tmp_path / "a.txt", text.encode() + b"\nx\xff\xc3y\n")))
    assert [p.text for p in posts] == [text, "x\ufffd\ufffdy"]


async def test_a_line_of_5_mb_is_counted_and_not_kept(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.txt", b"a\n" + b"x" * 5_000_000 + b"\nb\n" + b"y" * (MAX_TEXT + 1) + b"\nc\n" + b"z" * MAX_TEXT
    )
    tracemalloc.start()
    posts, dropped = await everything(replay(path))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [p.text[0] for p in posts] == ["a", "b", "c", "z"] and dropped == {Drop.TOO_LONG: 2}
    assert posts[1].id.endswith(":3") and peak < 3_000_000
    assert (await everything(replay(write(tmp_path / "b", b"x" * (MAX_LINE + 1)))))[1] == {Drop.TOO_LONG: 1}


async def test_chunks_stay_within_their_limits(tmp_path: Path) -> None:
    path = write(tmp_path / "a.txt", b"".join(b"%d " % i + b"x" * 30_000 + b"\n" for i in range(100)) + b"s\n" * 1000)
    posts, _ = await everything(replay(path))
    assert len(posts) == 1100
    many = await read(replay(write(tmp_path / "b.txt", b"\n" * 100_000)))
    assert sum(c.dropped[Drop.BLANK] for c in many) == 100_000 and max(c.dropped.total() for c in many) <= 400


def sample_of_each(tmp_path: Path) -> list[Path]:
    chance = random.Random(1)
    pages = [{"id": str(i), "text": f"t{i}"} for i in range(700)]
    text = b"".join(chance.choice([b"line %d\n" % i, b"\n", b"a\rb\n", b"x\xff\n"]) for i in range(1500))
    record = [b'"two\n""lines"" %d",bob\n', b"plain %d,\n", b"%d,too,many\n", b'"",x%d\n', b'"a"b%d,c\n', b"%d\n"]
    csv = b"text,author\n" + b"".join(chance.choice(record) % i for i in range(900))
    lines = [{"data": pages[:350]}, {"delete": {}}, {"data": pages[350]}, {"data": pages[351:]}, 5, {"text": "own"}]
    return [
        write(tmp_path / "a.txt", text),
        write(tmp_path / "a.csv", csv),
        write(tmp_path / "a.jsonl", b"".join(json.dumps(line).encode() + b"\n" for line in lines)),
        write(tmp_path / "b.txt.gz", gzip.compress(text[:5000]) + gzip.compress(text[5000:])),
        write(tmp_path / "b.csv.bz2", bz2.compress(csv[:3000]) + bz2.compress(csv[3000:])),
    ]


@pytest.mark.parametrize("which", range(5))
@pytest.mark.parametrize("loop", [False, True])
async def test_from_any_position_it_gives_exactly_what_follows(tmp_path: Path, which: int, loop: bool) -> None:
    path = sample_of_each(tmp_path)[which]
    query = "rate=0&loop=true" if loop else "rate=0"
    once = sum(len(c.posts) for c in await read(replay(path)))
    most = once * 2 + once // 2 if loop else 10**9
    chunks = await read(replay(path, query), most=most)
    whole = [p for c in chunks for p in c.posts]
    assert len({p.id for p in whole}) == len(whole) >= min(most, once)
    step = max(1, len(chunks) // 12)
    for i in list(range(0, len(chunks), step)) + [len(chunks) - 1]:
        before = [p for c in chunks[: i + 1] for p in c.posts]
        rest, dropped = await everything(replay(path, query), chunks[i].position, max(1, len(whole) - len(before)))
        assert [p.id for p in before + rest][: len(whole)] == [p.id for p in whole]
        if not loop:
            assert dropped == sum((c.dropped for c in chunks[i + 1 :]), Counter())


async def test_cut_after_any_single_post_it_goes_on_with_the_next(tmp_path: Path) -> None:
    for path in sample_of_each(tmp_path)[1:3]:
        source = replay(path, "rate=20")
        chunks = await read(source)
        ids = [p.id for c in chunks for p in c.posts]
        assert max(len(c.posts) for c in chunks) == 1
        for i in range(0, len(chunks), 37):
            done = sum(len(c.posts) for c in chunks[: i + 1])
            following, _ = await everything(replay(path), chunks[i].position)
            assert [p.id for p in following] == ids[done:]


async def test_a_position_that_is_none_starts_from_the_beginning_with_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = write(tmp_path / "a.txt", b"a\nb\n")
    for position in ("x", "", "-1", "1~0", "1.", "١", "9" * 40):
        assert len((await everything(replay(path), position))[0]) == 2
    assert len(caplog.records) == 7
    assert (await everything(replay(path), "99"))[0] == []


async def test_looped_posts_are_new_posts_whose_times_move_on_together(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", b'{"text":"a","id":"x:1","created_at":"2020-01-01T00:00:00Z"}\n{"text":"b"}\n')
    posts, _ = await everything(replay(path, "rate=0&loop=true"), most=5)
    assert [p.id for p in posts][:5] == ["x:1", "replay:a.jsonl:2", "x:1~2", "replay:a.jsonl:2~2", "x:1~3"]
    assert [p.created_at for p in posts][:5] == [NOW, None, NOW, None, NOW]
    assert (await everything(replay(path)))[0][0].created_at == 1577836800000


async def test_a_deletion_in_a_file_names_the_post_and_in_a_further_round_that_rounds_post(tmp_path: Path) -> None:
    lines = [{"text": "a", "id": "x:1"}, {"delete": {"status": {"id": 1}}}, {"retracted": "x:1"}]
    path = write(tmp_path / "a.jsonl", b"".join(json.dumps(line).encode() + b"\n" for line in lines))
    (chunk,) = await read(replay(path))
    assert chunk.retracted == ["x:1", "x:1"] and chunk.dropped == {Drop.NOT_A_POST: 2} and chunk.position == "3"
    rounds = replay(path, "rate=0&loop=true").chunks(None)
    await anext(rounds)
    assert (await anext(rounds)).retracted == ["x:1~2", "x:1~2"]
    await rounds.aclose()


async def test_a_file_without_posts_does_not_spin_when_it_loops(tmp_path: Path) -> None:
    clock = Clock()
    source = replay(write(tmp_path / "a.txt", b"\n\n"), "rate=0&loop=true", clock)
    rounds = source.chunks(None)
    for _ in range(5):
        assert (await anext(rounds)).dropped == {Drop.BLANK: 2}
    assert clock.naps == [1.0] * 4
    await rounds.aclose()


async def test_at_20_a_second_posts_come_one_by_one_each_at_its_time(tmp_path: Path) -> None:
    clock = Clock()
    times = []
    async for chunk in replay(write(tmp_path / "a.txt", b"a\n" * 100), "rate=20", clock).chunks(None):
        assert len(chunk.posts) == 1
        times.append(clock.now - 100)
        clock.now += 0.01  # the work of the consumer does not delay the next post
    assert times == pytest.approx([i / 20 for i in range(100)])


async def test_at_2000_a_second_small_chunks_keep_the_rate(tmp_path: Path) -> None:
    clock = Clock()
    sizes = []
    async for chunk in replay(write(tmp_path / "a.txt", b"a\n" * 10_000), "rate=2000", clock).chunks(None):
        sizes.append(len(chunk.posts))
        clock.now += 0.003
    assert sum(sizes) / (clock.now - 100) == pytest.approx(2000, rel=0.01) and max(sizes) <= 50


async def test_after_a_slow_consumer_it_makes_up_for_one_second_at_most(tmp_path: Path) -> None:
    clock = Clock()
    source = replay(write(tmp_path / "a.txt", b"a\n" * 1000), "rate=100", clock).chunks(None)
    await anext(source)
    clock.now += 60
    before, burst = clock.now, 0
    while clock.now == before:
        burst += len((await anext(source)).posts)
    assert 100 <= burst <= 105
    await source.aclose()


async def test_closing_closes_the_file_at_once(tmp_path: Path) -> None:
    for suffix, pack in (("", bytes), (".gz", gzip.compress), (".bz2", bz2.compress)):
        path = write(tmp_path / f"a.txt{suffix}", pack(b"a\n" * 100_000))
        source = replay(path).chunks(None)
        await anext(source)
        assert str(path) in [file.path for file in psutil.Process().open_files()]
        await source.aclose()
        assert str(path) not in [file.path for file in psutil.Process().open_files()]


async def test_csv_reads_its_named_columns_and_newlines_within_quotes(tmp_path: Path) -> None:
    rows = (
        b"\xef\xbb\xbfid,body,author,lang,url,created_at,other\r\n"
        b'x:1,"two\r\nlines, ""quoted""",rina,id,https://example.org/1,2020-01-01T00:00:00Z,z\r\n'
        b"\r\n"
        b",a\rb\xff,,,,,\r\n"
        b'5,"",a,b,c,d,e\r\n'
        b"a,b,c,d,e,f,g,h\r\n"
        b'x,"closed"badly,,,,,\r\n'
        b"short\r\n"
        b'7,"last, without an end'
    )
    posts, dropped = await everything(replay(write(tmp_path / "a.csv", rows), "rate=0&column=body"))
    first, second = posts
    assert (first.id, first.text, first.author) == ("x:1", 'two\r\nlines, "quoted"', "rina")
    assert (first.lang, first.url, first.created_at) == ("id", "https://example.org/1", 1577836800000)
    assert (second.id, second.text, second.created_at) == ("replay:a.csv:5", "a\rb\ufffd", None)
    assert dropped == {Drop.BLANK: 2, Drop.MALFORMED: 4}
    tabs = write(tmp_path / "a.tsv", b'text\tauthor\n"a\tb"\tc\nd,e\tf\n')
    assert [(p.text, p.author) for p in (await everything(replay(tabs)))[0]] == [("a\tb", "c"), ("d,e", "f")]


async def test_a_quote_nobody_closes_takes_one_line(tmp_path: Path) -> None:
    rows = b'text\nfine\n"never closed\n' + b"a row of 20 bytes..\n" * 100_000
    posts, dropped = await everything(replay(write(tmp_path / "a.csv", rows)))
    assert dropped == {Drop.MALFORMED: 1} and posts[0].text == "fine"
    assert len(posts) == 100_001 and posts[-1].id == "replay:a.csv:100003"


async def test_no_line_stops_it_and_each_is_counted_once(tmp_path: Path) -> None:
    chance = random.Random(5)
    seed = json.dumps({"data": {"id": "1", "text": "t"}}).encode()
    noise = []
    for _ in range(2000):
        line = bytearray(chance.choice([seed, b'a,"b"', chance.randbytes(chance.randint(0, 60))]))
        for _ in range(chance.randint(0, 4)):
            line[chance.randint(0, len(line)) : chance.randint(0, len(line))] = chance.randbytes(2)
        noise.append(bytes(line).replace(b"\n", b""))
    data = b"\n".join(noise) + b"\n"
    for name in ("a.txt", "a.jsonl"):
        posts, dropped = await everything(replay(write(tmp_path / name, data)))
        assert len(posts) + dropped.total() == 2000
        assert all(p.text.encode() for p in posts)
    await everything(replay(write(tmp_path / "a.csv", b"text\n" + data)))


@pytest.mark.parametrize("suffix, pack", [("gz", gzip.compress), ("bz2", bz2.compress)])
async def test_an_archive_cut_in_the_middle_gives_its_lines_and_then_one_line_of_error(
    tmp_path: Path, suffix: str, pack: Callable[[bytes], bytes]
) -> None:
    chance = random.Random(2)
    data = b"".join(b"%d %s\n" % (i, chance.randbytes(30).hex().encode()) for i in range(30_000))
    path = write(tmp_path / f"a.txt.{suffix}", pack(data)[:-5000])
    posts = []
    with pytest.raises(SourceError, match="archive is incomplete") as error:
        async for chunk in replay(path).chunks(None):
            posts += chunk.posts
    assert len(posts) > 5000 and [p.text for p in posts] == data.decode().split("\n")[: len(posts)]
    assert "\n" not in str(error.value)
    with pytest.raises(SourceError, match="damaged"):
        replay(write(tmp_path / f"b.{suffix}", b"this is no archive at all")).check()


async def test_it_says_so_when_the_file_is_gone_at_the_next_round(tmp_path: Path) -> None:
    path = write(tmp_path / "a.txt", b"a\n")
    source = replay(path, "rate=0&loop=true").chunks(None)
    assert len((await anext(source)).posts) == 1
    path.unlink()
    with pytest.raises(SourceError, match="No such file"):
        await anext(source)
