#include "wire/kafka/topic_creation.h"

#include <fmt/format.h>
#include <librdkafka/rdkafka.h>

#include <array>
#include <vector>

#include "wire/kafka/errors.h"

namespace millrace::kafka {

namespace {

constexpr int kRequestTimeoutMs = 30000;

struct FreeTopic {
  void operator()(rd_kafka_NewTopic_t* topic) const { rd_kafka_NewTopic_destroy(topic); }
};

struct FreeOptions {
  void operator()(rd_kafka_AdminOptions_t* options) const {
    rd_kafka_AdminOptions_destroy(options);
  }
};

struct FreeResource {
  void operator()(rd_kafka_ConfigResource_t* resource) const {
    rd_kafka_ConfigResource_destroy(resource);
  }
};

struct FreeEvent {
  void operator()(rd_kafka_event_t* event) const { rd_kafka_event_destroy(event); }
};

struct FreeAnyQueue {
  void operator()(rd_kafka_queue_t* queue) const { rd_kafka_queue_destroy(queue); }
};

using Options = std::unique_ptr<rd_kafka_AdminOptions_t, FreeOptions>;
using Event = std::unique_ptr<rd_kafka_event_t, FreeEvent>;

Options options_for(rd_kafka_t* handle, rd_kafka_admin_op_t operation, int timeout_ms) {
  Options options(rd_kafka_AdminOptions_new(handle, operation));
  std::array<char, 128> text{};
  rd_kafka_AdminOptions_set_request_timeout(options.get(), timeout_ms, text.data(), text.size());
  return options;
}

// Broker configurations are the controller's in part; any broker answers for itself.
Result<int32_t> any_broker(Client& client, int timeout_ms) {
  const rd_kafka_metadata_t* metadata = nullptr;
  const auto code = rd_kafka_metadata(client.handle(), 0, nullptr, &metadata, timeout_ms);
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR) return std::unexpected(error_of(code, "list of brokers"));
  const int32_t id = metadata->broker_cnt > 0 ? metadata->brokers[0].id : -1;
  rd_kafka_metadata_destroy(metadata);
  if (id < 0) return fail(ErrorKind::kUnreachable, "the cluster names no broker");
  return id;
}

std::optional<std::string> value_of(const rd_kafka_ConfigResource_t* resource,
                                    const std::string& name) {
  size_t count = 0;
  const auto entries = rd_kafka_ConfigResource_configs(resource, &count);
  for (size_t i = 0; i < count; ++i) {
    if (name != rd_kafka_ConfigEntry_name(entries[i])) continue;
    const char* value = rd_kafka_ConfigEntry_value(entries[i]);
    return value == nullptr ? std::nullopt : std::optional<std::string>(value);
  }
  return std::nullopt;
}

}  // namespace

void TopicCreation::FreeQueue::operator()(rd_kafka_queue_s* queue) const {
  rd_kafka_queue_destroy(queue);
}

Result<TopicCreation> TopicCreation::start(Client& client, std::span<const NewTopic> topics) {
  std::array<char, 256> text{};
  std::vector<std::unique_ptr<rd_kafka_NewTopic_t, FreeTopic>> requests;
  std::vector<rd_kafka_NewTopic_t*> all;
  for (const NewTopic& topic : topics) {
    requests.emplace_back(rd_kafka_NewTopic_new(
        topic.name.c_str(), topic.partitions, topic.replication_factor, text.data(), text.size()));
    all.push_back(requests.back().get());
    if (all.back() == nullptr) {
      return fail(ErrorKind::kConfig,
                  fmt::format("topic {} cannot be created: {}", topic.name, text.data()));
    }
    for (const auto& [name, value] : topic.settings)
      rd_kafka_NewTopic_set_config(all.back(), name.c_str(), value.c_str());
  }
  const Options options =
      options_for(client.handle(), RD_KAFKA_ADMIN_OP_CREATETOPICS, kRequestTimeoutMs);
  TopicCreation creation(rd_kafka_queue_new(client.handle()));
  rd_kafka_CreateTopics(client.handle(), all.data(), all.size(), options.get(),
                        creation.answers_.get());
  return creation;
}

Result<bool> TopicCreation::wait(SteadyTime deadline, const Tell& tell) {
  const Event event(rd_kafka_queue_poll(answers_.get(), left_ms(deadline)));
  if (event == nullptr) return false;
  if (rd_kafka_event_error(event.get()) != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return std::unexpected(error_of(rd_kafka_event_error(event.get()), "creation of a topic"));
  }
  const auto* result = rd_kafka_event_CreateTopics_result(event.get());
  size_t count = 0;
  const auto topics = rd_kafka_CreateTopics_result_topics(result, &count);
  for (size_t i = 0; i < count; ++i) {
    const auto code = rd_kafka_topic_result_error(topics[i]);
    const char* name = rd_kafka_topic_result_name(topics[i]);
    const char* why = rd_kafka_topic_result_error_string(topics[i]);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR || code == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS) {
      tell(name, {});
    } else {
      tell(name, std::unexpected(error_of(
                     code, fmt::format("topic {} cannot be created ({})", name, why ? why : ""))));
    }
  }
  return true;
}

Result<std::optional<std::string>> broker_setting(Client& client, const std::string& name,
                                                  SteadyTime deadline) {
  const auto broker = any_broker(client, left_ms(deadline, 1));
  if (!broker) return std::unexpected(broker.error());
  const std::unique_ptr<rd_kafka_ConfigResource_t, FreeResource> resource(
      rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_BROKER, std::to_string(*broker).c_str()));
  const Options options =
      options_for(client.handle(), RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS, left_ms(deadline, 1));
  const std::unique_ptr<rd_kafka_queue_t, FreeAnyQueue> answers(
      rd_kafka_queue_new(client.handle()));
  std::array<rd_kafka_ConfigResource_t*, 1> all{resource.get()};
  rd_kafka_DescribeConfigs(client.handle(), all.data(), all.size(), options.get(), answers.get());
  const Event event(rd_kafka_queue_poll(answers.get(), left_ms(deadline, 1)));
  if (event == nullptr) return fail(ErrorKind::kUnreachable, "no answer about setting " + name);
  if (rd_kafka_event_error(event.get()) != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return std::unexpected(error_of(rd_kafka_event_error(event.get()), "broker setting " + name));
  }
  size_t count = 0;
  const auto found = rd_kafka_DescribeConfigs_result_resources(
      rd_kafka_event_DescribeConfigs_result(event.get()), &count);
  if (count == 0) return std::nullopt;
  const auto code = rd_kafka_ConfigResource_error(found[0]);
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
    return std::unexpected(error_of(code, "broker setting " + name));
  return value_of(found[0], name);
}

}  // namespace millrace::kafka
