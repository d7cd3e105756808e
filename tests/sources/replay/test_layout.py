"""What is understood of a file is what a person would, is said in one line, and can be put right with an option."""

from pathlib import Path

import pytest

from tweetream.models.drop import Drop
from tweetream.models.post import Post
from tweetream.sources.base import Note, Retracted, SourceError
from tweetream.sources.post_builder import ParseContext
from tweetream.sources.replay.choices import BadChoice, Choices, choose
from tweetream.sources.replay.reader import FileReader
from tweetream.sources.replay.source import Replay

NOW = 1_800_000_000_000


def read(path: Path, text: str | bytes, /, **choices: str | bool | None) -> tuple[FileReader, list[str | Drop]]:
    """A reader that has read a file, and the texts that it found."""
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    columns = {name: str(choices.pop(name)) for name in list(choices) if name in ("text", "id", "time")}
    reader = FileReader(str(path), choose(columns=columns, **choices))  # type: ignore[arg-type]
    found = [item[2] for item in reader.items(ParseContext(NOW)) if item is not None]
    return reader, [each.text if isinstance(each, Post) else each for each in found if not isinstance(each, Retracted)]


def test_one_line_says_what_was_understood(tmp_path: Path) -> None:
    rows = "".join(f'{n};"Macet; {n}";2026-01-05 08:00:00\n' for n in range(20_000))
    reader, found = read(tmp_path / "posts.csv", f"id_str;full_text;created_at\n{rows}")
    assert len(found) == 20_000 and found[0] == "Macet; 0"
    said = "posts.csv: text from full_text, id from id_str, time from created_at, ; as separator, 20,000 rows"
    assert reader.said() == said


def test_what_is_as_its_name_tells_needs_no_line(tmp_path: Path) -> None:
    for name, text in (("a.txt", "macet\n"), ("a.csv", "text,author\na,b\n"), ("a.jsonl", '{"text": "a"}\n')):
        assert read(tmp_path / name, text)[0].said() is None


async def test_a_replay_says_it_at_its_start(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "posts.csv"
    path.write_text("isi\nmacet\n")
    assert [len(chunk.posts) async for chunk in Replay(f"replay:{path}?rate=0").chunks(None)] == [1]
    assert [record.getMessage() for record in caplog.records] == ["posts.csv: text from isi, 1 row"]


@pytest.mark.parametrize("mark", [",", ";", "\t", "|"])
@pytest.mark.parametrize("first", ["", "sep={}\r\n", "\ufeff"])
def test_the_separator_is_found(tmp_path: Path, mark: str, first: str) -> None:
    text = first.format(mark) + mark.join(("id", "text", "created_at")) + "\r\n"
    text += mark.join(("7", f'"Macet{mark} ""parah"" di\r\nSudirman"', "2026-01-05")) + "\r\n"
    for name in ("a.csv", "a.tsv"):
        reader, found = read(tmp_path / name, text)
        assert found == [f'Macet{mark} "parah" di\r\nSudirman'] and reader.layout.separator == mark


def test_a_separator_that_is_named_is_taken(tmp_path: Path) -> None:
    assert read(tmp_path / "a.csv", "a|b;text\n1|2;macet\n", separator="semicolon")[1] == ["macet"]
    with pytest.raises(BadChoice, match="comma, semicolon, tab or pipe"):
        choose(columns={}, separator="dash")


def test_positions_after_a_line_that_names_the_separator_are_those_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("sep=;\ntext;x\na;1\nb;2\nc;3\n")
    reader = FileReader(str(path), Choices())
    for after in range(3, 6):
        items = [item for item in reader.items(ParseContext(NOW), after) if item is not None]
        assert [item[0] for item in items] == list(range(after + 1, 6))


def test_a_file_without_a_header_is_read_with_the_names_of_its_columns(tmp_path: Path) -> None:
    text = '"0","1467810369","Mon Apr 06 22:19:45 PDT 2009","NO_QUERY","rina","Macet, lagi"\n'
    path = tmp_path / "a.csv"
    reader, found = read(path, text * 3, names="label,id,time,query,author,text")
    assert found == ["Macet, lagi"] * 3
    items = [item for item in reader.items(ParseContext(NOW), 1) if item is not None]
    assert [item[0] for item in items] == [2, 3]


@pytest.mark.parametrize("name", ["a.csv", "a.txt", "a.json", "a.dat"])
def test_json_is_json_whatever_its_name(tmp_path: Path, name: str) -> None:
    for text in ('{"text": "a"}\n{"text": "b"}\n', '[{"text": "a"},\n{"text": "b"}]', '[{"text": "a"},{"text": "b"}]'):
        assert read(tmp_path / name, text)[1] == ["a", "b"]
    pretty = '{\n  "text": "a"\n}\n{\n  "text": "b"\n}\n'
    assert read(tmp_path / name, pretty)[1] == ["a", "b"]


def test_csv_with_the_name_of_a_workbook_is_read_as_csv(tmp_path: Path) -> None:
    for name in ("a.xlsx", "a.parquet"):
        assert read(tmp_path / name, "id;text\n1;macet\n")[1] == ["macet"]


def test_utf_16_is_not_read_as_what_it_is_not(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="cannot be read as utf-16 .*; name another encoding"):
        read(tmp_path / "a.txt", b"macet\n", encoding="utf-16")


def test_a_text_that_looks_a_little_like_json_or_a_table_is_text(tmp_path: Path) -> None:
    for text in ("[macet] di tol\n", "{halo}\n", "text, id dan lain-lain\nb\n", "id;text\n"):
        assert read(tmp_path / "a.txt", text)[1] == text.splitlines()
    assert read(tmp_path / "a.txt", '{"text": "a"}\n', format="text")[1] == ['{"text": "a"}']


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_an_encoding_with_a_mark_is_known(tmp_path: Path, encoding: str) -> None:
    for name, text in (("a.txt", "café 🚧\nb\n"), ("a.csv", "text,id\ncafé 🚧,1\nb,2\n")):
        assert read(tmp_path / name, text.encode(encoding))[1] == ["café 🚧", "b"]


def test_an_encoding_without_a_mark_is_named_and_never_guessed(tmp_path: Path) -> None:
    assert read(tmp_path / "a.txt", "café\n".encode("cp1252"), encoding="cp1252")[1] == ["café"]
    for encoding in ("utf-16-le", "utf-16-be"):
        data = "macet di Sudirman\n".encode(encoding)
        with pytest.raises(SourceError, match=f"looks like {encoding} .*\\?encoding={encoding}$"):
            read(tmp_path / "a.txt", data)
        assert read(tmp_path / "a.txt", data, encoding=encoding)[1] == ["macet di Sudirman"]
    for wrong in ("nothing", "base64", "rot13", ""):
        with pytest.raises(BadChoice, match="encoding is the name of one, such as cp1252"):
            choose(columns={}, encoding=wrong)


def test_replacement_characters_are_counted_and_said_once(tmp_path: Path) -> None:
    path, said = tmp_path / "a.csv", list[str]()
    path.write_bytes("text,author\ncafé,rina\nNaïve,josé\nbanjir,é\n".encode("cp1252"))
    reader = FileReader(str(path), Choices(), warn=said.append)
    posts = [item[2] for item in reader.items(ParseContext(NOW)) if item is not None]
    assert [(post.text, post.author) for post in posts if isinstance(post, Post)] == [
        ("caf\ufffd", "rina"),
        ("Na\ufffdve", "jos\ufffd"),
        ("banjir", "\ufffd"),
    ]
    assert reader.noted == {Note.NOT_IN_ENCODING: 2}
    why = "characters that are not utf-8; name the encoding, for example with ?encoding=cp1252"
    assert said == [f"{path}, line 2: {why}"]


@pytest.mark.parametrize(
    "text, words",
    [
        ("id;isi_pesan\n1;Macet di Sudirman\n", ["line 1", "?text=isi_pesan", "id, isi_pesan"]),
        ("7,Macet di Sudirman\n8,Banjir\n", ["line 1", "the first line seems to be a post", "?columns=c1,text"]),
        ("", ["is empty: give a file with posts"]),
        ("text,id,text\na,1,b\n", ["line 1", "two columns have the same name 'text'"]),
    ],
)
def test_an_error_names_the_file_the_line_what_was_found_and_the_option(
    tmp_path: Path, text: str, words: list[str]
) -> None:
    path = tmp_path / "a.csv"
    with pytest.raises(SourceError) as error:
        read(path, text)
    said = str(error.value)
    assert said.startswith(str(path)) and "\n" not in said and all(word in said for word in words), said


def test_a_column_that_is_not_there_is_named_with_its_option(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"no column 'when' in its first line; .*\?time=NAME \(there are: text, at\)"):
        read(tmp_path / "a.csv", "text,at\na,b\n", time="when")


def test_empty_cells_beyond_the_header_cost_nothing_and_others_the_row(tmp_path: Path) -> None:
    assert read(tmp_path / "a.csv", "id,text\n1,a,,\n2,b,c\n3\n4,d\n")[1] == ["a", Drop.MALFORMED, Drop.MALFORMED, "d"]


def test_the_dates_of_a_file_decide_once_whether_the_day_comes_first(tmp_path: Path) -> None:
    def times(text: str, **choices: bool) -> list[int | None]:
        reader, _ = read(tmp_path / "a.csv", text, **choices)
        items = [item[2] for item in reader.items(ParseContext(NOW)) if item is not None]
        return [post.created_at for post in items if isinstance(post, Post)]

    fifth, twenty_fifth = 1_475_694_120_000, 1_477_422_120_000  # October 2016, 19:02
    both = "text;time\na;05/10/2016 19.02\nb;25/10/2016 19.02\n"
    assert times(both) == [fifth, twenty_fifth]
    assert times("text;time\na;10/05/2016 19.02\nb;10/25/2016 19.02\n") == [fifth, twenty_fifth]
    assert times("text;time\na;05/10/2016 19.02\n") == [None]
    assert times("text;time\na;05/10/2016 19.02\n", day_first=True) == [fifth]


@pytest.mark.parametrize(
    ("text", "options", "advice"),
    [
        (
            '{"no": 1, "isi_twit": "macet"}',
            {},
            "line 1: no field 'text', nor another known name; name it with ?text=isi_twit",
        ),
        ('{"a": "macet"}', {"text": "nope"}, "line 1: no field 'nope'; name it with ?text=a (there are: a)"),
        ('[{"like": {"tweetId": "5", "fullText": "macet"}}]', {}, "name it with ?text=like.fullText"),
        ('{"text": {"0": "macet", "1": "banjir"}}', {}, "the posts stand in columns"),
        ('["macet", "banjir"]', {}, "no JSON object; write a JSON object for each post"),
        ("{'text': 'macet'}", {}, "line 1: no JSON object; write a JSON object for each post"),
    ],
)
def test_json_without_a_known_text_says_which_option_mends_it_and_only_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, text: str, options: dict[str, str], advice: str
) -> None:
    read(tmp_path / "a.json", f"{text}\n{text}\n", **options)
    assert len(caplog.messages) == 1 and advice in caplog.text
    caplog.clear()
    read(tmp_path / "b.json", '{"text": "macet"}\n{"no": "post"}\n')
    assert not caplog.messages


def test_the_line_ends_of_an_old_mac_are_line_ends(tmp_path: Path) -> None:
    text = "id,text\r1,macet\r2,banjir\r"
    for data in (text.encode(), text.encode("utf-16")):
        reader, found = read(tmp_path / "a.csv", data)
        assert found == ["macet", "banjir"] and (reader.said() or "2 rows").endswith("2 rows")
    assert read(tmp_path / "a.csv", "id,text\r\n1,a\rb\r\n")[1] == ["a\rb"]


def test_blank_lines_before_the_header_are_no_header(tmp_path: Path) -> None:
    assert read(tmp_path / "a.csv", "\n \r\nid,text\n1,macet\n")[1] == ["macet"]
    at = ParseContext(NOW)
    reader = FileReader(str(tmp_path / "a.csv"), Choices())
    assert [item[2] for item in reader.items(at, 4) if item is not None] == []


def test_a_separator_that_is_not_read_and_an_empty_file_are_named(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"separated by '\^'; save it with comma"):
        read(tmp_path / "a.csv", "id^isi_twit^date\n1^macet^2\n")
    with pytest.raises(SourceError, match="is empty: give a file with posts"):
        read(tmp_path / "a.csv", "")


def test_bytes_that_are_no_text_are_refused_and_a_stray_nul_is_not(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="this is no text"):
        read(tmp_path / "a.txt", bytes(range(256)) * 20)
    assert len(read(tmp_path / "a.txt", b"macet\0\nbanjir\n")[1]) == 2


def test_the_names_of_more_exports_are_known(tmp_path: Path) -> None:
    for header, row in (
        ("target,ids,date,flag,user,text", "0,1467810369,2009-04-06,x,rina,macet"),
        ("id,text,fullText,createdAt,author/userName", "1467810369,mac…,macet,2009-04-06,rina"),
        ("uri,author.handle,record.text,record.createdAt", "at://a/b/c,rina,macet,2009-04-06"),
        ("tweetid,tweet_text,tweet_time,user_screen_name", "1467810369,macet,2009-04-06,@rina"),
        ("id,content,date,user", "1467810369,macet,2009-04-06,\"User(username='rina', id=5)\""),
        ("text,tweet_url,date,user", "macet,twitter.com/i/web/status/1467810369,2009-04-06,rina"),
    ):
        (tmp_path / "a.csv").write_text(f"{header}\n{row}\n")
        (item,) = [item for item in FileReader(str(tmp_path / "a.csv"), Choices()).items(ParseContext(NOW)) if item]
        post = item[2]
        assert isinstance(post, Post)
        assert (post.text, post.author, post.created_at) == ("macet", "rina", 1_238_976_000_000)
        assert post.id.endswith("1467810369") or post.id == "at://a/b/c"


def test_dates_that_do_not_show_where_the_day_is_are_told_with_the_option(tmp_path: Path) -> None:
    text = "text,date\nmacet,03/04/2016\nbanjir,04/05/2016\n"
    said = read(tmp_path / "a.csv", text)[0].said()
    mend = "no dates such as 03/04/2016: add ?day_first=true or ?day_first=false"
    assert said == f"a.csv: text from text, time from date, {mend}, 2 rows"
    reader, _ = read(tmp_path / "a.csv", text, command_line=True)
    assert "add --day-first or --no-day-first" in (reader.said() or "")
    assert "add" not in (read(tmp_path / "a.csv", text, day_first=True)[0].said() or "")


def test_a_file_of_json_decides_once_too_how_its_dates_are_meant(tmp_path: Path) -> None:
    for slash in ("/", "\\/", "-"):
        dates = (f"03{slash}04{slash}2016 10:00", f"25{slash}05{slash}2016 10:00")
        text = "".join(f'{{"text": "macet", "date": "{date}"}}\n' for date in dates)
        (tmp_path / "a.jsonl").write_text(text)
        found = FileReader(str(tmp_path / "a.jsonl"), Choices()).items(ParseContext(NOW))
        posts = [item[2] for item in found if item and isinstance(item[2], Post)]
        assert [post.created_at for post in posts] == [1_459_677_600_000, 1_464_170_400_000]


@pytest.mark.parametrize(
    ("rows", "advice"),
    [
        ("1,a,b\n2,c,d\n", "line 2: 3 cells, but 2 columns; put a cell that has the separator in it into quotes"),
        ('1,"say \\"macet\\""\n2,b\n', "line 2: wrong quotes; write a quote that stands in a quoted cell twice"),
        ("1\n2,b\n", "line 2: its text is missing"),
    ],
)
def test_the_first_row_that_is_no_post_says_what_is_wrong(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, rows: str, advice: str
) -> None:
    read(tmp_path / "a.csv", f"id,text\n{rows}")
    assert len(caplog.messages) == 1 and advice in caplog.text
