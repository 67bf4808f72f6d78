// Records to Kafka topics: acks=all, idempotent, partitioned as Java's producer does. The bytes of
// a batch are not copied: librdkafka points at them until it has told what became of them.
//
// Takes what a converter made (BatchView::records). After an error that only a new producer can get
// over, all that is not durable is sent again, in order: at least once. With
// KafkaSinkConfig::exactly_once records are written in transactions that store the progress too
// (sink/kafka/transaction.h), and it is theirs that open() gives.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "config/field.h"
#include "sink/kafka/exactly_once.h"
#include "sink/kafka/topic_rules.h"
#include "sink/sink.h"
#include "wire/kafka/client_properties.h"

namespace millrace {

enum class KeylessPartition : uint8_t { kOne, kScatter };

template <>
struct EnumNames<KeylessPartition> {
  static constexpr std::pair<std::string_view, KeylessPartition> values[] = {
      {"one", KeylessPartition::kOne},
      {"scatter", KeylessPartition::kScatter},
  };
};

struct KafkaSinkConfig {
  std::string bootstrap_servers;
  KeylessPartition keyless_partition = KeylessPartition::kOne;
  Bytes in_flight_max_bytes{0};
  kafka::Properties client;  // of the producer; has secrets
  TopicRules topic_rules;
  std::optional<ExactlyOnce> exactly_once;  // nullopt: at least once
};

inline constexpr FieldSpec kKafkaSinkFields[] = {
    field<&KafkaSinkConfig::bootstrap_servers>(
        "bootstrap.servers", {.doc = "Brokers to ask first: host:port, comma separated. Java's "
                                     "other client settings (security.protocol, "
                                     "sasl.*, ssl.*, linger.ms, compression.type …) are taken too: "
                                     "bare, as producer.* or as "
                                     "producer.override.*, the last winning.",
                              .required = true,
                              .importance = Importance::kHigh}),
    field<&KafkaSinkConfig::keyless_partition>(
        "keyless.partition", {.doc = "Where records without a key go: one partition (murmur2 of "
                                     "the topic's name), which keeps the "
                                     "table's order, or all of them in turn.",
                              .importance = Importance::kLow}),
    field<&KafkaSinkConfig::in_flight_max_bytes>(
        "in.flight.max.bytes",
        {.doc = "Records that may be under way to the brokers; 0 = a quarter of memory.max.",
         .importance = Importance::kLow}),
};

// Reads kKafkaSinkFields, kExactlyOnceFields, the client's settings and topic.creation.*; all
// problems at once.
KafkaSinkConfig parse_kafka_sink(const Settings& settings, Problems& problems,
                                 std::string_view key_prefix = {});

// Names beyond kKafkaSinkFields that count, for find_unknown().
std::vector<std::string_view> kafka_sink_setting_names();

// Of records that librdkafka may have.
size_t in_flight_bytes(const KafkaSinkConfig& config, const SinkContext& context);

// Of batches that a transaction may hold, without what is let go once it came back. The larger, the
// fewer commits (docs/decisions/0016 has what they cost).
size_t transaction_bytes(const SinkContext& context);

std::unique_ptr<Sink> make_kafka_sink(const KafkaSinkConfig& config, const SinkContext& context);

// What is stored with the records; nullopt: at least once. Changes nothing.
Result<std::optional<Progress>> stored_kafka_progress(const KafkaSinkConfig& config);

// Connects, logs in, and looks whether `topics` exist or can be created. Creates nothing.
Problems check_kafka_sink(const KafkaSinkConfig& config, std::span<const std::string> topics = {});

}  // namespace millrace
