"""RSS of a topic's posts: well-formed whatever a post has in it."""

from xml.etree import ElementTree

from support.kafka.deployment import entry

from tweetream.web.rss import rss


def test_a_hostile_post_makes_no_element_and_no_broken_document() -> None:
    """Stops markup of a post in a feed reader, and a control character that ends the document."""
    post = entry(1, text="<script>alert(1)</script> ]]> & \x00\x1b \ud800 \u2028" + "a" * 200)
    post.url = "javascript:alert(1)"
    safe = entry(2)
    safe.url, safe.label = "https://example.com/?a=1&b=2", None
    found = ElementTree.fromstring(rss("macet", "http://x/#macet", [post, safe]))
    items = found.findall("channel/item")
    assert len(items) == 2 and found.findall(".//script") == []
    title, link, description = (items[0].findtext(name) for name in ("title", "link", "description"))
    assert title is not None and len(title) < 120 and link is None
    assert description is not None and "&lt;script&gt;" in description
    assert items[1].findtext("link") == safe.url and items[1].find("category") is None
    assert items[0].findtext("guid") == post.id and items[0].findtext("pubDate") == "Mon, 21 Sep 2026 14:13:21 +0000"
