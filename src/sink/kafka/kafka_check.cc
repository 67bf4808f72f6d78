// `millrace check`: what stands between this configuration and the topics.
#include <fmt/format.h>

#include <algorithm>

#include "sink/kafka/kafka_sink.h"
#include "wire/kafka/client.h"
#include "wire/kafka/topic_creation.h"

namespace millrace {

namespace {

constexpr std::chrono::seconds kTimeout{10};

Problem problem_of(const Error& error, std::string key) {
  return {Problem::Severity::kError, std::move(key), "", error.message, error.cure};
}

std::string_view key_of(ErrorKind kind) {
  return kind == ErrorKind::kUnauthorized ? "sasl.jaas.config" : "bootstrap.servers";
}

// The brokers' own creation, as far as they tell: nullopt when this login may not ask.
std::optional<bool> brokers_create_topics(kafka::Client& client, SteadyTime deadline) {
  const auto setting = kafka::broker_setting(client, "auto.create.topics.enable", deadline);
  if (!setting || !*setting) return std::nullopt;
  return **setting == "true";
}

Problem missing_topics(const std::vector<std::string>& missing, std::optional<bool> created) {
  Problem out;
  out.severity = created.has_value() ? Problem::Severity::kError : Problem::Severity::kWarning;
  out.message =
      fmt::format("missing topics: {}; {}", fmt::join(missing, ", "),
                  created.has_value() ? "the brokers do not create topics"
                                      : "whether the brokers create topics cannot be seen");
  out.cure =
      "create them, or give topic.creation.default.partitions and "
      "topic.creation.default.replication.factor";
  return out;
}

}  // namespace

Problems check_kafka_sink(const KafkaSinkConfig& config, std::span<const std::string> topics) {
  const SteadyTime deadline = steady_now() + kTimeout;
  auto client = kafka::Client::open(kafka::ClientRole::kProducer, config.client, nullptr);
  if (!client) return {problem_of(client.error(), "")};
  if (const auto connected = (*client)->connect(deadline); !connected) {
    return {problem_of(connected.error(), std::string(key_of(connected.error().kind)))};
  }
  if (topics.empty() || config.topic_rules.enabled()) return {};
  const auto present = (*client)->topics(deadline);
  if (!present) return {problem_of(present.error(), std::string(key_of(present.error().kind)))};
  std::vector<std::string> missing;
  std::ranges::copy_if(topics, std::back_inserter(missing), [&](const std::string& topic) {
    return std::ranges::find(*present, topic) == present->end();
  });
  if (missing.empty()) return {};
  const auto created = brokers_create_topics(**client, deadline);
  if (created.value_or(false)) return {};
  return {missing_topics(missing, created)};
}

}  // namespace millrace
