"""The address of an archive."""

import pytest

from tweetream.archive.address import Address, parse_address
from tweetream.archive.errors import BadArchive


@pytest.mark.parametrize(
    ("text", "kind", "place"),
    [
        ("sqlite:///posts.db", "sqlite", "posts.db"),
        ("sqlite:////var/lib/my%20posts.db", "sqlite", "/var/lib/my posts.db"),
        ("SQLITE:///posts.db", "sqlite", "posts.db"),
        ("postgresql://me:secret@db.example/posts", "postgresql", "postgresql://me:secret@db.example/posts"),
        ("postgres://db/posts", "postgresql", "postgresql://db/posts"),
        ("postgresql:///posts?host=/run/postgresql", "postgresql", "postgresql:///posts?host=/run/postgresql"),
        ("parquet:folder", "parquet", "folder"),
        ("parquet:///var/lib/posts", "parquet", "/var/lib/posts"),
    ],
)
def test_it_says_the_kind_and_the_place(text: str, kind: str, place: str) -> None:
    assert parse_address(text) == Address(kind, place)


@pytest.mark.parametrize(
    "text", ["", "posts.db", "sqlite:", "sqlite://", "sqlite:///", "sqlite:///a?mode=ro", "mysql://me:secret@db/posts",
             "postgresql:", "postgresql://db", "postgresql://db/", "parquet:", "parquet:a\0b", "sqlite:///a%00b"],
)  # fmt: skip
def test_any_other_text_is_refused_with_what_to_write(text: str) -> None:
    with pytest.raises(BadArchive, match="; write ") as refused:
        parse_address(text)
    assert "secret" not in str(refused.value)


def test_no_password_is_shown() -> None:
    assert str(parse_address("postgresql://me:s3:cr@t@db/posts")) == "postgresql://me:***@db/posts"
    assert (
        str(parse_address("postgresql://db/posts?password=s3c&user=me")) == "postgresql://db/posts?password=***&user=me"
    )
    assert str(parse_address("sqlite:////var/posts.db")) == "sqlite:////var/posts.db"
    assert str(parse_address("parquet:folder")) == "parquet:folder"
