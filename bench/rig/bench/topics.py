"""Kafka: topics and what lies in them."""
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic
from places import KAFKA

admin = AdminClient({"bootstrap.servers": KAFKA, "log_level": 0})    # it may not be there: what fails says so


def new_topic(name):
    admin.create_topics([NewTopic(name, 1, 1)])[name].result()


def drop_topics(part):
    """Topics with this in their name: a run's own, and those a SUT made for itself under the run's name."""
    names = [t for t in admin.list_topics(timeout=10).topics if part in t]
    if names:
        for f in admin.delete_topics(names).values():
            f.result()


def consumer(**more):
    return Consumer({"bootstrap.servers": KAFKA, "group.id": "bench", "enable.auto.commit": False,
                     "enable.partition.eof": False, **more})


def sizes(topic, end, n=5000):
    """Mean key + value bytes of the records, from four places of the topic."""
    c, count, total = consumer(), 0, 0
    for place in range(4):
        c.assign([TopicPartition(topic, 0, end * place // 4)])
        for m in c.consume(min(n, end), 10):
            if not m.error():
                count, total = count + 1, total + len(m.key() or b"") + len(m.value() or b"")
    c.close()
    return total / max(count, 1)
