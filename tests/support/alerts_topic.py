"""The alerts topic without Kafka, and the logs of the workers that read it."""

from tweetream.alerts.log import AlertLog
from tweetream.kafka.compacted import CompactedRecord

NOW = 1_480_000_000_000


class AlertsTopic:
    """The alerts topic: every worker that is awake reads each record at once; `compacted` is what Kafka keeps."""

    def __init__(self) -> None:
        self.records: list[CompactedRecord] = []
        self.readers: list[AlertLog] = []

    def worker(self) -> AlertLog:
        log = AlertLog("t-alerts", self.send)
        log.take(self.compacted())
        self.readers.append(log)
        return log

    async def send(self, key: bytes, value: bytes | None) -> None:
        record = CompactedRecord(key, value, NOW)
        self.records.append(record)
        for reader in self.readers:
            reader.take([record])

    def compacted(self) -> list[CompactedRecord]:
        last = {record.key: number for number, record in enumerate(self.records)}
        return [record for number, record in enumerate(self.records) if last[record.key] == number]
