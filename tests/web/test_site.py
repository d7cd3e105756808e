"""The page's files: each is served by its path, nothing else is, and every built package holds them."""

import re
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import make_mocked_request
from setuptools import Distribution
from support.paths import ROOT, STATIC

from tweetream.web.problems import Problem
from tweetream.web.responses import unless_known
from tweetream.web.site import file_answer, read_files, shortened

TYPES = {"html": "text/html", "css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
SERVED = sorted(
    path.relative_to(STATIC).as_posix() for path in STATIC.rglob("*") if path.suffix.removeprefix(".") in TYPES
)


@pytest.mark.parametrize("path", SERVED)
def test_a_file_is_answered_with_its_type_and_asked_for_again_each_time(path: str) -> None:
    answer = file_answer(path)
    assert answer.body == shortened(path, (STATIC / path).read_bytes())
    assert answer.headers["Content-Type"] == f"{TYPES[path.rpartition('.')[2]]}; charset=utf-8"
    assert answer.headers["Cache-Control"] == "no-cache"


def test_a_browser_gets_no_comment_and_no_indentation_and_every_name_and_text_as_written() -> None:
    written = b"""// @ts-check
// About it.
export function words(text) {
  // Why so.
  const marked = text.replace(/[^/*] *"/gu, `a  // ${text}  /* b */`);
  return marked ? "// no comment" : '/* nor  this */';
}
"""
    assert shortened("a.js", written) == (
        b'export function words(text){const marked=text.replace(/[^/*] *"/gu,`a  // ${text}  /* b */`);'
        b"return marked?\"// no comment\":'/* nor  this */';}"
    )
    style = b'/* a */\n.a :is(.b, .c)::after { content: " \xe2\x86\x97" / ""; width: calc(100% + 4px); }\n'
    assert shortened("a.css", style) == b'.a :is(.b,.c)::after{content:" \xe2\x86\x97" / "";width:calc(100% + 4px)}'
    assert shortened("vendor/a.js", written) == written


@pytest.mark.parametrize("path", ["index.html", "app.js", "styles/style.css"])
async def test_a_file_that_the_browser_has_is_304_with_its_tag(path: str) -> None:
    tag = file_answer(path).headers["ETag"]
    assert re.fullmatch(r'"[0-9a-f]{32}"', tag) and tag != file_answer("favicon.svg").headers["ETag"]
    for known in (tag, f'"old", {tag}', f"W/{tag}", "*"):  # a proxy that compresses makes a tag weak
        answer = unless_known(make_mocked_request("GET", "/", {"If-None-Match": known}), file_answer(path))
        assert (answer.status, answer.body, answer.headers["ETag"]) == (304, None, tag)
        assert answer.headers["Cache-Control"] == "no-cache" and "Content-Type" not in answer.headers
    for other in ('"old"', tag.strip('"'), ""):
        answer = unless_known(make_mocked_request("GET", "/", {"If-None-Match": other}), file_answer(path))
        assert answer.status == 200 and answer.body


@pytest.mark.parametrize(
    "path",
    [
        *("../site.py", "feed/../../site.py", "..%2fsite.py", "/etc/hostname", "./app.js", "feed/../app.js"),
        *("", "feed", "feed/", "vendor/vendor.json", "vendor/uPlot.LICENSE", "nothing.js", "app.js\0"),
    ],
)
def test_a_path_that_names_none_of_the_files_is_404_wherever_it_leads(path: str) -> None:
    with pytest.raises(Problem) as problem:
        file_answer(path)
    assert problem.value.status == 404


def test_only_what_stands_in_the_folder_is_served(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    for name in ("a/b/c.js", "page.html", "secret.pem", "a/.env"):
        (tmp_path / name).write_text(name)
    assert read_files(tmp_path) == {"a/b/c.js": b"a/b/c.js", "page.html": b"page.html"}


def test_a_built_package_holds_every_file_of_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    package = Distribution()
    package.parse_config_files(["setup.cfg"])
    build: Any = package.get_command_obj("build_py")
    build.ensure_finalized()
    inside = "tweetream/web/static/"
    files = (Path(source, name).as_posix() for _, source, _, names in build.data_files for name in names)
    packed = {file.removeprefix(inside) for file in files if file.startswith(inside)}
    assert packed == {path.relative_to(STATIC).as_posix() for path in STATIC.rglob("*") if path.is_file()}
