"""The command `tweetream`: each subcommand checks what it was given, and ends with one line if that is wrong.

Nothing heavy is imported before it is needed, so that --help and errors are quick.
"""

import argparse
import errno
import json
import os
import socket
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tweetream import __version__, settings
from tweetream.settings import fail

_FILE = "a post a line; or a CSV with text,label and, for related posts, family"
_CLASSIFIERS = ("svm", "words-svm", "naive-bayes", "decision-tree")


def main(argv: Sequence[str] | None = None) -> None:
    """Run one command; ends by SystemExit."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments[:1] == ["worker"]:
        run_worker(arguments)
    options = _parser().parse_args(arguments)
    run: Callable[[Any], None] = options.run
    if sys.stdout is None:
        fail("standard output is closed")
    try:
        run(options)
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read our output went away; there is nobody to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(1) from None
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is left must not fail again at the end
        fail(f"the output cannot be written: {error.strerror}")
    except KeyboardInterrupt:
        raise SystemExit(130) from None  # as a shell says it
    raise SystemExit(0)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tweetream", description="Live, classified topics from the stream of public posts on microblogs."
    )
    parser.add_argument("--version", action="version", version=f"tweetream {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    demo = commands.add_parser("demo", help="everything on this machine: a broker, a worker and the page")
    demo.add_argument("--source", action="append", metavar="URL", help="in place of the demo's own posts; repeatable")
    demo.add_argument("--topic", action="append", metavar="NAME", help="in place of the demo's own topics; repeatable")
    demo.add_argument("--port", type=int, default=6066, metavar="N", help="of the page (0: any; default %(default)s)")
    demo.add_argument("--no-browser", action="store_true", help="do not open the page")
    demo.set_defaults(run=_demo)

    commands.add_parser("worker", help="a worker of the group: the same as faust -A tweetream.app worker …")

    topics = commands.add_parser("topics", help="list, add and delete topics of a running worker")
    verbs = topics.add_subparsers(required=True, metavar="list|add|delete")
    verb = verbs.add_parser("list", help="the topics with their counts")
    _reach(verb, "list")
    verb = verbs.add_parser("add", help="add a topic")
    verb.add_argument("name")
    verb.add_argument("--track", action="append", metavar="TERM", help="a word or phrase, * for all; repeatable")
    _reach(verb, "add")
    verb = verbs.add_parser("delete", help="delete a topic")
    verb.add_argument("name")
    _reach(verb, "delete")

    record = commands.add_parser(
        "record",
        help="write what a source gives to a file that replays identically",
        description="Write what a source gives, until Ctrl-C, to a new file that replay: gives again as it was.",
    )
    record.add_argument("--source", required=True, metavar="URL", help="such as mastodon://HOST")
    record.add_argument(
        "--out", required=True, metavar="FILE", help="a new file, .jsonl, .jsonl.gz or .jsonl.bz2; never overwritten"
    )
    record.add_argument(
        "--topic", action="append", metavar="NAME", help="for x:, in place of TWEETREAM_TOPICS; repeatable"
    )
    record.set_defaults(run=_record)

    _add_classifier(commands)
    return parser


def _add_classifier(commands: Any) -> None:
    """The commands that need no worker."""
    classify = commands.add_parser("classify", help="the rows of a file with a label and a score")
    classify.add_argument("file", nargs="?", default="-", metavar="FILE", help="default: standard input")
    classify.add_argument("--column", metavar="NAME", help="where the text is, default text; makes standard input CSV")
    classify.add_argument("--input-format", choices=("csv", "jsonl", "text"), help="by default, by the file's name")
    classify.add_argument("--output-format", choices=("csv", "jsonl"), help="default: that of the input, csv for text")
    _model(classify, _classify)

    explain = commands.add_parser("explain", help="the label of a text, its score, and the words that decided")
    explain.add_argument("text", metavar="TEXT")
    _model(explain, _explain)

    train = commands.add_parser("train", help="train a model of labelled posts")
    train.add_argument("data", nargs="+", metavar="LABEL=FILE", help=_FILE)
    train.add_argument("--out", default="model.skops", metavar="MODEL", help="default %(default)s")
    train.add_argument("--test", action="append", default=[], metavar="[LABEL=]FILE", help="test on this; repeatable")
    train.add_argument("--at-most", type=_positive, metavar="N", help="posts of each LABEL=FILE, chosen at random")
    train.add_argument("--classifier", default="svm", choices=_CLASSIFIERS)
    train.set_defaults(run=_train)

    evaluate = commands.add_parser(
        "evaluate", help="how well a classifier does, by cross-validation, or a model there is"
    )
    evaluate.add_argument("data", nargs="+", metavar="LABEL=FILE", help=_FILE)
    evaluate.add_argument("--folds", type=_positive, default=10, metavar="N", help="default %(default)s")
    evaluate.add_argument("--balanced", action="store_true", help="as many posts of each label as the rarest has")
    evaluate.add_argument("--classifier", default="svm", choices=_CLASSIFIERS)
    evaluate.add_argument("--model", metavar="MODEL", help="test this model, or the `shipped` one, and train none")
    evaluate.add_argument("--json", action="store_true", help="the numbers for a program")
    evaluate.set_defaults(run=_evaluate)


def _model(parser: argparse.ArgumentParser, run: Callable[[Any], None]) -> None:
    parser.add_argument("--model", type=Path, metavar="MODEL", help="default: TWEETREAM_MODEL, or the shipped one")
    parser.set_defaults(run=run)


def _positive(value: str) -> int:
    if not value.isdecimal() or int(value) < 1:
        raise argparse.ArgumentTypeError(f"{value!r} is no number of posts or folds")
    return int(value)


def _reach(parser: argparse.ArgumentParser, verb: str) -> None:
    parser.add_argument("--url", default="http://127.0.0.1:6066", help="the worker, default %(default)s")
    parser.add_argument("--token", default=os.environ.get("TWEETREAM_API_TOKEN", ""), help="for another machine's")
    parser.set_defaults(run=_topics, verb=verb)


def _demo(options: argparse.Namespace) -> None:
    from tweetream.cli import demo

    demo.run(options.source, options.topic, options.port, not options.no_browser)


def _record(options: argparse.Namespace) -> None:
    from tweetream.cli import record

    record.run(options.source, options.out, options.topic)


def _topics(options: argparse.Namespace) -> None:
    from tweetream.cli import topics

    topics.run(options.verb, options.url, options.token, getattr(options, "name", ""), getattr(options, "track", None))


def _classify(options: argparse.Namespace) -> None:
    from tweetream.classifier import pipeline
    from tweetream.cli import classify

    predict = pipeline.load(options.model).predict
    try:
        said = classify.run(options.file, options.column, options.input_format, options.output_format, predict)
    except classify.BadInput as error:
        fail(str(error))
    if said:
        print(f"tweetream: {said}", file=sys.stderr)


def _explain(options: argparse.Namespace) -> None:
    from tweetream.classifier import pipeline

    print(pipeline.table(pipeline.load(options.model).explain(options.text)))


def _train(options: argparse.Namespace) -> None:
    from tweetream.classifier import dataset, training

    try:
        print(training.run(options.data, Path(options.out), options.classifier, options.test, options.at_most))
    except dataset.BadData as error:
        fail(str(error))


def _evaluate(options: argparse.Namespace) -> None:
    from tweetream.classifier import dataset, pipeline, training

    try:
        posts = dataset.read(options.data)
        posts = training.clean(dataset.balance(posts) if options.balanced else posts)
        if options.model:
            path = None if options.model == "shipped" else Path(options.model)
            result = training.check(pipeline.classifier(path), posts)
        else:
            result = training.cross_validate(posts, options.folds, options.classifier)
    except dataset.BadData as error:
        fail(str(error))
    print(json.dumps(result.as_dict(), indent=2) if options.json else result.table())


def run_worker(arguments: list[str]) -> None:
    """Check what can be known to fail, then hand over to Faust."""
    known = settings.load()
    if not {"--help", "--without-web"} & set(arguments):
        _check_port(known.web_host, _given_port(arguments) or known.web_port)
    from tweetream.app import app

    sys.argv = ["tweetream", *arguments]
    app.main()


def _given_port(arguments: list[str]) -> int | None:
    for index, argument in enumerate(arguments):
        name, _, value = argument.partition("=")
        if name in ("--web-port", "-p"):
            value = value or (arguments[index + 1] if index + 1 < len(arguments) else "")
            return int(value) if value.isdecimal() else None
    return None


def _check_port(host: str, port: int) -> None:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        fail(f"cannot serve on {host}:{port} ({error.strerror or error}): set TWEETREAM_WEB_PORT, or --port in a demo")
