#include "sink/kafka/exactly_once.h"

#include <fmt/format.h>

#include "sink/kafka/kafka_sink.h"
#include "store/kafka/offset_topic.h"
#include "store/offset_map.h"

namespace millrace {

namespace {

constexpr std::chrono::seconds kReadTimeout{30};

}  // namespace

void ExactlyOnce::bind(std::string_view connector, std::string_view server) {
  transactional_id = fmt::format("{}-{}-0", group_id, connector);
  offset_key = millrace::offset_key(connector, server);
}

Millis transaction_timeout(const kafka::Properties& client) {
  constexpr int64_t kDefaultMs = 60000;  // librdkafka's and Java's
  return Millis(kafka::number_of(client, "transaction.timeout.ms", kDefaultMs));
}

std::optional<ExactlyOnce> parse_exactly_once(const Settings& settings,
                                              const kafka::Properties& client, Problems& problems,
                                              std::string_view key_prefix) {
  const auto read =
      parse_fields<ExactlyOnceSettings>(kExactlyOnceFields, settings, problems, key_prefix);
  if (read.support != ExactlyOnceSupport::kRequired && read.worker != WorkerExactlyOnce::kEnabled) {
    return std::nullopt;
  }
  const auto error = [&](std::string_view key, std::string message, std::string cure) {
    const Setting* given = settings.find(key);
    problems.push_back({Problem::Severity::kError, fmt::format("{}{}", key_prefix, key),
                        given == nullptr ? "" : given->origin, std::move(message),
                        std::move(cure)});
  };
  const Setting* topic = settings.find("offset.storage.topic");
  if (topic == nullptr || topic->value.empty()) {
    error("offset.storage.topic",
          "is missing: exactly once keeps the offsets in Kafka, in the records' own transactions",
          "set offset.storage.topic to a topic's name (a file of offsets cannot take part), or set "
          "exactly.once.support=requested and leave exactly.once.source.support out");
  }
  if (const auto told = client.find("enable.idempotence");
      told != client.end() && told->second == "false") {
    problems.push_back(kafka::client_problem(settings, kafka::ClientRole::kProducer, key_prefix,
                                             {.key = "enable.idempotence",
                                              .origin = "",
                                              .message = "is false, and transactions need it",
                                              .cure = "remove it"}));
  }
  const Millis timeout = transaction_timeout(client);
  if (read.boundary == TransactionBoundary::kInterval && Millis(read.interval_ms) >= timeout) {
    error("transaction.boundary.interval.ms",
          fmt::format("is {}, and the brokers end a transaction after {} (transaction.timeout.ms)",
                      read.interval_ms, timeout.count()),
          "lower it, or raise transaction.timeout.ms (and the brokers' "
          "transaction.max.timeout.ms)");
  }
  ExactlyOnce out{.boundary = read.boundary,
                  .interval = Millis(read.interval_ms),
                  .group_id = read.group_id,
                  .offsets = {},
                  .transactional_id = {},
                  .offset_key = {}};
  Problems of_offsets;  // with those of the client's settings, which the sink has told
  out.offsets = parse_kafka_offsets(settings, of_offsets, key_prefix);
  add_untold(problems, of_offsets);
  return out;
}

Result<std::optional<Progress>> stored_kafka_progress(const KafkaSinkConfig& config) {
  if (!config.exactly_once) return std::nullopt;
  KafkaOffsetConfig offsets = config.exactly_once->offsets;
  offsets.makes_topic = false;
  OffsetTopic topic(std::move(offsets));
  if (auto read = topic.read(steady_now() + kReadTimeout); !read) {
    return std::unexpected(read.error().in("offset.storage.topic"));
  }
  return topic.progress(config.exactly_once->offset_key);
}

}  // namespace millrace
