#include <fmt/format.h>

#include "sink/kafka/kafka_sink.h"

namespace millrace {

namespace {

// A record that waits for longer than it may take is given up before it is sent.
void check_linger(const Settings& settings, const kafka::Properties& client,
                  std::string_view key_prefix, Problems& problems) {
  const int64_t linger = kafka::number_of(client, "linger.ms", 0);
  const int64_t timeout = kafka::number_of(client, "message.timeout.ms", 0);
  if (timeout <= 0 || linger < timeout) return;
  problems.push_back(kafka::client_problem(
      settings, kafka::ClientRole::kProducer, key_prefix,
      {.key = "delivery.timeout.ms",
       .origin = "",
       .message =
           fmt::format("is {}, and linger.ms {}: nothing would ever be sent", timeout, linger),
       .cure = "set delivery.timeout.ms to linger.ms + request.timeout.ms or more, or lower "
               "linger.ms"}));
}

}  // namespace

KafkaSinkConfig parse_kafka_sink(const Settings& settings, Problems& problems,
                                 std::string_view key_prefix) {
  // A worker's or connector's own form may give the brokers with a prefix only.
  Settings all = settings;
  kafka::Properties client =
      kafka::client_properties(settings, kafka::ClientRole::kProducer, key_prefix, problems);
  if (const auto servers = client.find("bootstrap.servers"); servers != client.end()) {
    all.set("bootstrap.servers", servers->second, "");
  }
  check_linger(settings, client, key_prefix, problems);
  auto config = parse_fields<KafkaSinkConfig>(kKafkaSinkFields, all, problems, key_prefix);
  config.exactly_once = parse_exactly_once(settings, client, problems, key_prefix);
  config.client = std::move(client);
  config.topic_rules = TopicRules::parse(settings, key_prefix, problems);
  return config;
}

std::vector<std::string_view> kafka_sink_setting_names() {
  const auto names = kafka::client_property_names();
  std::vector<std::string_view> out(names.begin(), names.end());
  out.emplace_back("topic.creation.*");
  for (const auto& more : {names_of(kExactlyOnceFields), names_of(kKafkaOffsetFields)})
    out.insert(out.end(), more.begin(), more.end());
  return out;
}

size_t in_flight_bytes(const KafkaSinkConfig& config, const SinkContext& context) {
  constexpr size_t kWithoutBudget = size_t{8} << 20;
  if (config.in_flight_max_bytes.value > 0)
    return static_cast<size_t>(config.in_flight_max_bytes.value);
  return context.budget == nullptr ? kWithoutBudget : context.budget->max() / 4;
}

size_t transaction_bytes(const SinkContext& context) {
  constexpr size_t kWithoutBudget = size_t{12} << 20;
  // Less than half: with that much a branch gets no more of a snapshot, or while it catches up.
  return context.budget == nullptr ? kWithoutBudget : context.memory_share / 16 * 7;
}

}  // namespace millrace
