"""The command `tweetream`: its parser, and the dispatch to the file of a subcommand.

The file is imported when its subcommand runs, so that --help and errors are quick. A subcommand checks its input, and
ends with one line on standard error and status 2 if that is wrong.
"""

import argparse
import errno
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from tweetream import __version__
from tweetream.cli.file_options import add_file_options
from tweetream.models.messages import fail
from tweetream.models.printable import escape_output

_FILE = "posts of one label; or, without LABEL=, a file whose rows have text, label and, for related posts, family"
ARCHIVE = "sqlite:///posts.db"
_CLASSIFIERS = ("svm", "words-svm", "naive-bayes", "decision-tree")


def main(argv: Sequence[str] | None = None) -> None:
    """Run one subcommand; ends by SystemExit."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    escape_output()
    if arguments[:1] == ["worker"]:  # Faust parses these options
        from tweetream.cli import worker

        worker.run(arguments)
    options = _parser().parse_args(arguments)
    if sys.stdout is None:
        fail("standard output is closed")
    try:
        import_module(f"tweetream.cli.{options.command}").run(options)
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader of the output has gone, so there is nobody to tell.
        _discard_output()
        raise SystemExit(1) from None
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        _discard_output()
        fail(f"the output cannot be written: {error.strerror}")
    except KeyboardInterrupt:
        raise SystemExit(130) from None  # the status that a shell gives
    raise SystemExit(0)


def _discard_output() -> None:
    """Python flushes standard output at exit: what is left in its buffer must not fail again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tweetream", description="Live, classified topics from the stream of public posts on microblogs."
    )
    parser.add_argument("--version", action="version", version=f"tweetream {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND", dest="command")

    demo = commands.add_parser("demo", help="run a broker, a worker and the page on this machine")
    demo.add_argument("--source", action="append", metavar="URL", help="a source instead of the sample; repeatable")
    demo.add_argument("--topic", action="append", metavar="NAME", help="a topic instead of the demo's; repeatable")
    demo.add_argument(
        "--port", type=int, default=6066, metavar="N", help="port of the page (0: any; default %(default)s)"
    )
    demo.add_argument(
        "--archive", metavar="FILE", help="keep all posts in this SQLite archive, which the demo searches"
    )
    demo.add_argument("--no-browser", action="store_true", help="do not open the page")

    commands.add_parser("worker", help="run a worker, like `faust -A tweetream.app worker …`")
    _add_topics(commands)
    _add_token(commands)
    _add_archive(commands)
    _add_export(commands)

    record = commands.add_parser(
        "record",
        help="write the posts of a source to a file that replays identically",
        description="Write the posts of a source to a new file, until Ctrl-C. replay: gives them again unchanged.",
    )
    record.add_argument("--source", required=True, metavar="URL", help="such as mastodon://HOST")
    record.add_argument(
        "--out", required=True, metavar="FILE", help="a new file, .jsonl, .jsonl.gz or .jsonl.bz2; never overwritten"
    )
    record.add_argument(
        "--topic", action="append", metavar="NAME", help="for x:, a topic instead of TWEETREAM_TOPICS; repeatable"
    )

    _add_classification(commands)
    _add_training(commands)
    return parser


def _add_topics(commands: Any) -> None:
    topics = commands.add_parser("topics", help="list, add, edit and delete topics of a running worker")
    verbs = topics.add_subparsers(required=True, metavar="list|add|edit|delete", dest="verb")
    for name, purpose in (
        ("list", "show the topics with their counts"),
        ("add", "add a topic"),
        ("edit", "change the words of a topic from now on; its feed stays"),
        ("delete", "delete a topic"),
    ):
        verb = verbs.add_parser(name, help=purpose)
        if name != "list":
            verb.add_argument("name")
        if name == "add":
            verb.add_argument(
                "--track", action="extend", nargs="+", metavar="TERM", help="words and phrases, * for all; repeatable"
            )
            verb.add_argument(
                "--backfill", metavar="TIME", help="first add what the archive has of so long ago, such as 7d"
            )
            verb.add_argument(
                "--alert", choices=("every", "surge"), help="alerts at every post, or at a surge of posts"
            )
            verb.add_argument("--alert-label", metavar="LABEL", help="of posts with this label alone")
        if name == "edit":
            verb.add_argument(
                "--track", action="extend", nargs="+", required=True, metavar="TERM",
                help="all words and phrases that it shall track, * for all; repeatable",
            )  # fmt: skip
        verb.add_argument("--url", default="http://127.0.0.1:6066", help="address of the worker, default %(default)s")
        token = verb.add_mutually_exclusive_group()
        token.add_argument(
            "--token-file", metavar="FILE", help="a file with the token alone; default: TWEETREAM_API_TOKEN"
        )
        token.add_argument(
            "--token", metavar="T", help="the token itself, which everybody on this machine then sees (ps): avoid it"
        )


def _add_archive(commands: Any) -> None:
    to = "sqlite:///FILE, postgresql://USER@HOST/DATABASE or parquet:FOLDER; default: TWEETREAM_ARCHIVE, or " + ARCHIVE
    archive = commands.add_parser(
        "archive",
        help="write every post of all topics into a database or files, once, and keep it",
        description="Follow the feeds of all topics and write each post once, until Ctrl-C. It goes on where it was.",
    )
    archive.add_argument("--to", metavar="URL", help=to)
    archive.add_argument(
        "--retention", metavar="TIME", help="delete posts that are older, such as 365d; default: never"
    )
    archive.add_argument("--metrics-port", type=int, metavar="N", help="serve /metrics on this port")
    verbs = archive.add_subparsers(dest="verb", metavar="[erase]")
    erase = verbs.add_parser(
        "erase",
        help="erase the posts of an author",
        description="Erase an author's posts from the archive, and retract them, so that no feed gives them any more.",
    )
    erase.add_argument("--author", required=True, metavar="NAME", help="the name as the posts have it")
    erase.add_argument("--to", metavar="URL", default=argparse.SUPPRESS, help=to)


def _add_export(commands: Any) -> None:
    export = commands.add_parser(
        "export",
        help="write all posts of topics into a file",
        description="Write all posts of one or more topics, oldest first, each once with all its topics. An export "
        "into a file goes on where it was interrupted.",
    )
    export.add_argument("topics", metavar="TOPIC[,TOPIC…]")
    export.add_argument("--since", metavar="TIME", help="only posts that arrived then or later, such as 2026-11-01")
    export.add_argument("--until", metavar="TIME", help="only posts that arrived before")
    export.add_argument("--label", metavar="LABEL", help="only posts with this label, or `unsure`")
    export.add_argument("--min-score", metavar="N", help="only posts with at least this score, 0 to 1")
    export.add_argument(
        "--format", choices=("csv", "jsonl", "parquet", "sqlite"), help="default: by FILE's name, or csv"
    )
    export.add_argument("--out", metavar="FILE", help="default: standard output, for csv and jsonl")
    export.add_argument(
        "--from",
        dest="origin",
        default="http://127.0.0.1:6066",
        metavar="URL",
        help="a worker, or an archive as sqlite:///FILE or postgresql://USER@HOST/DATABASE; default %(default)s",
    )


def _add_token(commands: Any) -> None:
    token = commands.add_parser(
        "token",
        help="make a named token for the file TWEETREAM_TOKENS",
        description="Make a token. Its line, which does not hold it, goes to standard output: append it to the file "
        "TWEETREAM_TOKENS. The token goes to standard error, once.",
    )
    token.add_argument("name", metavar="NAME", help="whose it is, as the list of changes shows it")
    token.add_argument(
        "--role",
        choices=("read", "edit", "admin"),
        default="edit",
        help="read; also add, edit and delete topics; also see who changed what (default %(default)s)",
    )


def _add_classification(commands: Any) -> None:
    classify = commands.add_parser("classify", help="add a label and a score to each row of a file")
    classify.add_argument("file", nargs="?", default="-", metavar="FILE", help="default: standard input")
    classify.add_argument(
        "--output-format",
        choices=("csv", "jsonl"),
        help="default: like the input, csv for text; no cell of csv is a formula",
    )

    add_file_options(classify)

    explain = commands.add_parser("explain", help="show the label of a text, its score, and the words that decided")
    explain.add_argument("text", metavar="TEXT")
    for command in (classify, explain):
        command.add_argument("--scores", action="store_true", help="also the scores of all labels")
        command.add_argument(
            "--threshold", type=_share, metavar="P", help="unsure below this score; default: TWEETREAM_THRESHOLD, or 0"
        )
        command.add_argument(
            "--model", type=Path, metavar="MODEL", help="default: TWEETREAM_MODEL, or the shipped model"
        )


def _add_training(commands: Any) -> None:
    train = commands.add_parser("train", help="train a model from labelled posts")
    train.add_argument("data", nargs="+", metavar="LABEL=FILE", help=_FILE)
    train.add_argument("--out", default="model.safetensors", metavar="MODEL", help="default %(default)s")
    train.add_argument(
        "--test", action="append", default=[], metavar="[LABEL=]FILE", help="test on these posts; repeatable"
    )
    train.add_argument(
        "--at-most", type=_positive, metavar="N", help="use N posts of each LABEL=FILE, chosen at random"
    )
    add_file_options(train)
    train.add_argument("--classifier", default="svm", choices=_CLASSIFIERS, help="default %(default)s")

    train.add_argument("--curve", action="store_true", help="write no model; show what more posts bring")

    evaluate = commands.add_parser(
        "evaluate",
        help="measure a trained model, or a classifier by cross-validation",
        description="Measure the shipped model or that of --model. With --folds, train on the posts and test in turn.",
    )
    evaluate.add_argument("data", nargs="+", metavar="LABEL=FILE", help=_FILE)
    evaluate.add_argument(
        "--folds", type=_positive, metavar="N", help="train on the posts and test in turn, in N parts"
    )
    evaluate.add_argument("--balanced", action="store_true", help="use the same number of posts of each label")
    evaluate.add_argument("--classifier", choices=_CLASSIFIERS, help="what --folds trains, default svm")
    evaluate.add_argument("--model", metavar="MODEL", help="measure this model; default: the shipped one")
    add_file_options(evaluate)
    evaluate.add_argument("--json", action="store_true", help="print JSON")


def _share(value: str) -> float:
    try:
        if 0 <= float(value) <= 1:
            return float(value)
    except ValueError:
        pass
    raise argparse.ArgumentTypeError(f"{value!r} is not a number from 0 to 1")


def _positive(value: str) -> int:
    if not value.isdecimal() or int(value) < 1:
        raise argparse.ArgumentTypeError(f"{value!r} is not a number of 1 or more")
    return int(value)
