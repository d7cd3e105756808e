"""The file of named tokens: what its lines mean, and the one line for what they do not."""

import pytest

from tweetream.models.token import BadTokens, Role, hash_of, new_token, parse_tokens, read_key

HASH = "0123456789abcdef" * 4


def test_a_new_token_is_found_by_its_line_which_does_not_hold_it() -> None:
    token, named = new_token("ayu", Role.EDIT)
    assert len(bytes.fromhex(token)) == 32, "256 bits: nobody can guess it, so no slow hash is needed"
    assert parse_tokens(f"# the desk\n\n  {named.line}  \n") == (named,)
    assert named.line.startswith("ayu edit ") and token not in named.line
    assert named.hash == hash_of(read_key(token.encode()))
    assert new_token("ayu", Role.EDIT)[0] != token


def test_what_a_browser_keeps_is_neither_the_token_nor_its_line() -> None:
    token, named = new_token("ayu", Role.ADMIN)
    assert len({token, read_key(token.encode()), named.hash}) == 3


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "it has no token"),
        ("# nothing\n", "it has no token"),
        ("ayu edit", "line 1: write NAME ROLE HASH"),
        (f"ayu edit {HASH} more", "line 1: write NAME ROLE HASH"),
        (f"ayu edti {HASH}", "line 1: 'edti' is not a role; write read, edit or admin"),
        (f"ayu EDIT {HASH}", "line 1: 'EDIT' is not a role"),
        (f"a/b edit {HASH}", "line 1: 'a/b' is not a name"),
        (f"\x1b[31m edit {HASH}", "line 1: '\\x1b[31m' is not a name"),
        (f"loopback edit {HASH}", "line 1: 'loopback' is not a name"),
        (f"Token edit {HASH}", "line 1: 'Token' is not a name"),
        (f"ayu edit {HASH[:-1]}", "line 1: the hash is not 64 hexadecimal digits"),
        (f"ayu edit {HASH}\n#\nayu read {HASH}", "line 3: the name 'ayu' is there twice"),
    ],
)
def test_a_wrong_line_is_named_with_what_to_write(text: str, reason: str) -> None:
    with pytest.raises(BadTokens) as error:
        parse_tokens(text)
    assert str(error.value).startswith(reason)
