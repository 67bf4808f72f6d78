// Offsets in Kafka Connect's compacted topic (offset.storage.topic): the last record of a key
// counts, a null value is a reset. The topic is created, compacted, when it does not exist.
#pragma once

#include <memory>
#include <string>

#include "config/field.h"
#include "store/offset_store.h"
#include "wire/kafka/client_properties.h"

namespace millrace {

struct KafkaOffsetConfig {
  std::string topic;
  int64_t partitions = 25;
  int64_t replication_factor = 3;
  kafka::Properties producer;  // have secrets
  kafka::Properties consumer;
  bool makes_topic = true;  // false: a topic that does not exist is read as an empty one
};

inline constexpr FieldSpec kKafkaOffsetFields[] = {
    field<&KafkaOffsetConfig::topic>(
        "offset.storage.topic",
        {.doc = "Kafka topic that keeps the offsets, as Kafka Connect does.", .required = true}),
    field<&KafkaOffsetConfig::partitions>(
        "offset.storage.partitions",
        {.doc = "Partitions of that topic when it is created; -1 = the cluster's default."}),
    field<&KafkaOffsetConfig::replication_factor>(
        "offset.storage.replication.factor",
        {.doc = "Replicas of that topic when it is created; -1 = the cluster's default."}),
};

// Reads kKafkaOffsetFields and the client's settings; all problems at once.
KafkaOffsetConfig parse_kafka_offsets(const Settings& settings, Problems& problems,
                                      std::string_view key_prefix = {});

// One topic with its producer. One thread at a time.
class OffsetTopic;

std::shared_ptr<OffsetTopic> make_offset_topic(KafkaOffsetConfig config);

// connector: its name, or "<pipeline>/<branch>"; server: topic.prefix. load() connects, creates the
// topic and reads it to its end; it is called before save().
std::unique_ptr<OffsetStore> make_kafka_offset_store(std::shared_ptr<OffsetTopic> topic,
                                                     std::string_view connector,
                                                     std::string_view server);

}  // namespace millrace
