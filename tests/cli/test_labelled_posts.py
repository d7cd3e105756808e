"""Labelled posts are read from files of every kind, and what cannot serve is named."""

from pathlib import Path

import pytest

from tweetream.classifier.dataset import BadData, LabelledPost, sample
from tweetream.cli.labelled_posts import read


def test_a_text_file_is_a_post_a_line_and_a_line_ends_at_lf(tmp_path: Path) -> None:
    path = tmp_path / "a=b.txt"
    path.write_bytes("\ufeffsatu\rdua\u2028tiga\n\n \nempat\r\nlima ".encode() + b"\xff")
    assert read([f"x={path}"]) == [
        LabelledPost("satu\rdua\u2028tiga", "x"),
        LabelledPost("empat", "x"),
        LabelledPost("lima \ufffd", "x"),
    ]


def test_a_csv_has_columns_text_and_label_and_may_have_families(tmp_path: Path) -> None:
    path = tmp_path / "posts.csv"
    path.write_text('id,label,text\n1,traffic,"macet,\nparah"\n2,talk,rezeki\n3,talk,\n', "utf-8")
    assert read([str(path)]) == [LabelledPost("macet,\nparah", "traffic"), LabelledPost("rezeki", "talk")]
    path.write_text("family,label,text\nf1,a,satu\n,a,dua\n", "utf-8")
    assert read([str(path)]) == [LabelledPost("satu", "a", "f1"), LabelledPost("dua", "a")]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("a,b\n1,2\n", "no columns"),
        ("", "is empty: give a file with posts"),
        ("text,label\nmacet, \n", "no posts"),
        ("label,text\na\n", "line 2: not as many cells"),
        ("label,text\na,b,c\n", "line 2: not as many cells"),
        ("text,label,text\na,b,c\n", "two columns"),
        ("text,label\n", "no posts"),
        ('text,label\n"' + "a" * 200_000 + '",x\n', "field larger"),
    ],
)
def test_a_csv_that_cannot_serve_is_refused_in_one_line(tmp_path: Path, content: str, reason: str) -> None:
    path = tmp_path / "posts.csv"
    path.write_text(content, "utf-8")
    with pytest.raises(BadData, match=reason) as error:
        read([str(path)])
    assert str(path) in str(error.value) and "\n" not in str(error.value)


def test_rows_without_a_label_are_left_out_and_counted_by_reason(tmp_path: Path) -> None:
    path, said = tmp_path / "posts.csv", list[str]()
    path.write_text('text,label\nsatu,a\ndua, \ntiga,\nempat,"a\nb"\n', "utf-8")
    assert read([str(path)], tell=said.append) == [LabelledPost("satu", "a")]
    assert said[-1] == f"{path}: left out 1 with a line break in the label, 2 without a label"
    path = tmp_path / "posts.jsonl"
    path.write_text('{"text": "satu", "label": "a"}\n{"text": "dua"}\n{"text": "tiga", "label": null}\n', "utf-8")
    assert read([str(path)], tell=said.append) == [LabelledPost("satu", "a")]
    assert said[-1] == f"{path}: left out 2 without a label"


def test_unsure_is_no_label_of_ones_own(tmp_path: Path) -> None:
    """A post that the model is unsure about has this name in filters and counts: the two could not be told apart."""
    path, said = tmp_path / "posts.csv", list[str]()
    path.write_text("text,label\nsatu,a\ndua,unsure\n", "utf-8")
    assert read([str(path)], tell=said.append) == [LabelledPost("satu", "a")]
    assert said[-1] == f"{path}: left out 1 with the label unsure"
    with pytest.raises(BadData, match="no label is 'unsure'"):
        read([f"unsure={path}"])


@pytest.mark.parametrize("given", [[], ["=file"], ["label="], ["x=/no/such/file"], ["/no/such/file.csv"]])
def test_arguments_that_name_no_posts_are_refused(given: list[str]) -> None:
    with pytest.raises(BadData) as error:
        read(given)
    assert "\n" not in str(error.value)


def test_a_sample_is_the_same_every_time_and_in_order(tmp_path: Path) -> None:
    path = tmp_path / "posts.txt"
    path.write_text("\n".join(f"{i:03}" for i in range(200)), "utf-8")
    found = read([f"x={path}"], at_most=50)
    assert found == read([f"x={path}"], at_most=50) == sorted(found) and len(set(found)) == 50
    assert sample(found, 60) == found


def test_a_csv_is_taken_whole(tmp_path: Path) -> None:
    path = tmp_path / "posts.csv"
    path.write_text("text,label\n" + "".join(f"kata{i},a\n" for i in range(20)), "utf-8")
    assert len(read([str(path)], at_most=5)) == 20
