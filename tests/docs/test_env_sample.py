""".env.sample explains each setting with the words of its description."""

import re

from support.paths import ROOT

from tweetream.models.messages import PREFIX
from tweetream.settings import Settings

SAMPLE = (ROOT / ".env.sample").read_text()


def test_the_comment_before_each_setting_is_its_description() -> None:
    found = re.findall(rf"((?:^# .*\n)+)^#{PREFIX}(\w+)=", SAMPLE, re.MULTILINE)
    comments = {name.lower(): " ".join(line[2:] for line in comment.splitlines()) for comment, name in found}
    described = {name: field.description or "" for name, field in Settings.model_fields.items()}
    assert comments == {name: f"{text[0].upper()}{text[1:]}." for name, text in described.items()}
