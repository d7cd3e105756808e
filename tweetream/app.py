"""The map: the application, and its modules in the order a post flows.

    sources → posts → preprocessing → tagged → classification → a feed for each topic → hub → browsers

Commands come the other way (web.topics → agents.streamer → the topics table); counts go beside (agents.counting).
`topology` names every Kafka topic and table; `engine` is Faust with the consumer below it all. Faust takes the
application from this module, so importing it reads the settings.
"""

from functools import partial

from tweetream.engine.application import App, credentials
from tweetream.kafka.producer import METADATA_AGE_MS
from tweetream.kafka.security import connect
from tweetream.preflight import check
from tweetream.settings import in_url, load
from tweetream.web.middleware import application_options

settings = load()
kafka = connect(settings)

app = App(
    settings.namespace,
    broker=[f"kafka://{host}" for host in kafka.servers],
    origin="tweetream.app",
    PartitionAssignor="tweetream.engine.application:Assignor",
    TableManager="tweetream.engine.application:Tables",
    Worker="tweetream.engine.worker:Worker",
    env_prefix="TWEETREAM_FAUST_",
    autodiscover=[
        "tweetream.topology",
        "tweetream.agents.clock",
        "tweetream.agents.required",
        "tweetream.agents.streamer",
        "tweetream.ingest.service",
        "tweetream.alerts.service",
        "tweetream.agents.preprocessing",
        "tweetream.agents.classification",
        "tweetream.agents.catch_up",
        "tweetream.agents.backfill",
        "tweetream.agents.counting",
        "tweetream.web.session",
        "tweetream.web.topics",
        "tweetream.web.alerts",
        "tweetream.web.changes",
        "tweetream.web.history",
        "tweetream.web.search",
        "tweetream.web.export",
        "tweetream.web.sources",
        "tweetream.web.classify",
        "tweetream.web.feeds",
        "tweetream.web.site",
        "tweetream.web.health",
        "tweetream.web.openapi",
    ],
    consumer_metadata_max_age_ms=METADATA_AGE_MS,
    datadir=str(settings.data_dir),
    store="rocksdb://",  # memory:// keeps no copy on disk
    broker_commit_interval=1.0,
    broker_credentials=credentials(kafka),
    broker_heartbeat_interval=min(0.5, settings.session_timeout / 4),  # a worker hears of a rebalance by its next one
    broker_max_poll_records=200,  # a wait for a command must never fill a stream's queue
    broker_rebalance_timeout=settings.rebalance_timeout,
    broker_request_timeout=max(30.0, settings.session_timeout + 1),
    broker_session_timeout=settings.session_timeout,
    recovery_consistency_check=False,  # we look ourselves, and the embedded broker's ends are too low
    topic_partitions=settings.partitions,
    topic_replication_factor=settings.replication,
    web_application_options=application_options(settings),
    web_bind=settings.web_host,
    web_host=in_url(settings.web_host),
    web_port=settings.web_port,
    web_router_enabled=False,
    web_tables_enabled=False,
    worker_redirect_stdouts=False,
)
app.preflight(partial(check, settings))
