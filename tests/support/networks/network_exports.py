"""The exports that hold a network's own JSON, as rows for `exports.py`: kind, file, posts, what is not read."""

SKY = "at://did:plc:abc/app.bsky.feed.post/3l3qo2vuowo2b"
AT, OLD = "2024-09-09T19:46:02.102Z", "2022-12-06T04:32:00.000Z"
X_ID, X_URL = "x:1600000000000000003", "https://x.com/i/status/1600000000000000003"
BY_DID = f"https://bsky.app/profile/did:plc:abc/post/{SKY.rpartition('/')[2]}"
VIEW = (SKY, "hujan\n\n@b.example: macet", AT, "rina.example", BY_DID.replace("did:plc:abc", "rina.example"), "id")
TWEETED = "2019-06-04T23:12:08.000Z"

Row = tuple[str, str, list[tuple[str, ...]], str]
NETWORK_EXPORTS: list[Row] = [
    (
        "X's archive, `tweets.js`",
        "tweets.js",
        [(X_ID, "Macet & banjir", OLD, "", X_URL, "in")],
        "the author, whom it does not name; counts, media",
    ),
    (
        "X, API v1.1 (stream, twarc 1)",
        "x-v1.jsonl",
        [
            (
                "x:1050118621198921728",
                "macet & banjir",
                "2018-10-10T20:19:24.000Z",
                "rina_k",
                "https://x.com/rina_k/status/1050118621198921728",
                "in",
            )
        ],
        "counts, places; deletions take posts back",
    ),
    (
        "X, API v2 (stream, twarc 2 pages)",
        "twarc.jsonl",
        [
            ("x:42", "halo", TWEETED, "rina", "https://x.com/rina/status/42", "in"),
            ("x:43", "macet", TWEETED, "rina", "https://x.com/rina/status/43", "in"),
        ],
        "counts, places",
    ),
    (
        "tweepy's attributes (JSON lines)",
        "tweepy.jsonl",
        [(X_ID, "Macet", OLD, "", X_URL)],
        "the author, of whom it has only a number",
    ),
    (
        "mongoexport of X's posts",
        "mongoexport.jsonl",
        [(X_ID, "Macet", OLD, "12345", X_URL.replace("/i/", "/12345/"))],
        "the database's own `_id`",
    ),
    (
        "Bluesky, Jetstream",
        "bluesky-jetstream.jsonl",
        [(SKY, "hujan", AT, "did:plc:abc", BY_DID, "id")],
        "the text of a quoted post; other events",
    ),
    ("Bluesky, `getPosts` and `searchPosts`", "bluesky-getposts.json", [VIEW], "counts, labels"),
    ("Bluesky, `getAuthorFeed` and `getTimeline`", "bluesky-author-feed.json", [VIEW], "who has reposted; replies"),
    (
        "Bluesky, `listRecords`",
        "bluesky-list-records.json",
        [(SKY, "hujan\n\n#macet", AT, "did:plc:abc", BY_DID, "id")],
        "the text of a quoted post",
    ),
    (
        "Bluesky, bare records of a repository",
        "bluesky-records.jsonl",
        [
            ("replay:bluesky-records.jsonl:1", "hujan", AT, "", "", "id"),
            ("replay:bluesky-records.jsonl:2", "macet", AT, "", "", "id"),
        ],
        "the author, whom it does not name",
    ),
    (
        "Mastodon, timelines and statuses",
        "mastodon-timeline.json",
        [
            (
                "mastodon:social.example/113",
                "kecelakaan\n\nSudirman\nbanjir",
                AT,
                "a@other.example",
                "https://social.example/@a/113",
                "id",
            )
        ],
        "counts, media; what is not public",
    ),
    (
        "Mastodon, `outbox.json` of one's archive (ActivityPub)",
        "outbox.json",
        [
            (
                "mastodon:social.example/113",
                "macet & banjir\n\n#macet",
                "2024-09-09T19:46:02.000Z",
                "a@social.example",
                "https://social.example/@a/113",
                "id",
            )
        ],
        "boosts, of which it has only the address; what is not public",
    ),
    (
        "Misskey, notes",
        "misskey-notes.json",
        [("misskey:mi.example/9x1", "hujan @warga@b.example", AT, "rina", "https://mi.example/notes/9x1")],
        "reactions; what is not public",
    ),
]
