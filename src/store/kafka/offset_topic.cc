#include "store/kafka/offset_topic.h"

#include <fmt/format.h>

#include <thread>

#include "base/log.h"
#include "store/offset_map.h"
#include "wire/kafka/murmur2.h"
#include "wire/kafka/topic_creation.h"
#include "wire/kafka/topic_reader.h"

namespace millrace {

namespace {

constexpr std::chrono::seconds kWriteTimeout{30};
constexpr Millis kBetweenQuestions{50};

}  // namespace

Result<void> OffsetTopic::open(SteadyTime deadline) {
  if (producer_ != nullptr && !producer_->client().fatal()) return {};
  producer_.reset();
  kafka::Properties properties = config_.producer;
  properties["allow.auto.create.topics"] = "false";
  properties["linger.ms"] = "0";
  auto made = kafka::Producer::open(std::move(properties), *this);
  if (!made) return std::unexpected(made.error());
  if (auto connected = (*made)->client().connect(deadline); !connected) return connected;
  producer_ = std::move(*made);
  auto partitions = producer_->client().partitions(config_.topic, deadline);
  if (partitions && !*partitions && config_.makes_topic) {
    if (auto created = create(deadline); !created) return created;
    while ((partitions = producer_->client().partitions(config_.topic, deadline)) && !*partitions) {
      if (steady_now() >= deadline)
        return fail(ErrorKind::kUnreachable, "topic " + config_.topic + " does not appear");
      std::this_thread::sleep_for(kBetweenQuestions);
    }
  }
  if (!partitions) return std::unexpected(partitions.error());
  partitions_ = partitions->value_or(0);
  return {};
}

Result<void> OffsetTopic::create(SteadyTime deadline) {
  kafka::NewTopic topic;
  topic.name = config_.topic;
  topic.partitions = static_cast<int>(config_.partitions);
  topic.replication_factor = static_cast<int>(config_.replication_factor);
  topic.settings["cleanup.policy"] = "compact";
  auto creation = kafka::TopicCreation::start(producer_->client(), {&topic, 1});
  if (!creation) return std::unexpected(creation.error());
  Result<void> created;
  const auto done =
      creation->wait(deadline, [&](std::string_view, const Result<void>& told) { created = told; });
  if (!done || !created) {
    Error error = done ? created.error() : done.error();
    if (error.kind == ErrorKind::kConfig) error.cure += "; set offset.storage.replication.factor";
    return std::unexpected(std::move(error));
  }
  if (!*done)
    return fail(ErrorKind::kUnreachable, "topic " + config_.topic + ": no answer to its creation");
  log::info("offset topic created", {{"topic", config_.topic}});
  return {};
}

Result<void> OffsetTopic::read(SteadyTime deadline) {
  if (auto opened = open(deadline); !opened) return opened;
  if (partitions_ == 0) return {};
  std::map<std::string, std::string, std::less<>> values;
  auto done = kafka::read_topic(
      config_.consumer, config_.topic, deadline,
      [&](std::string_view key, std::string_view value) {
        if (value.data() == nullptr) {
          values.erase(std::string(key));
        } else {
          values.insert_or_assign(std::string(key), std::string(value));
        }
      },
      kafka::OpenTransactions::kWaitFor);
  if (done) values_ = std::move(values);
  return done;
}

std::optional<std::string> OffsetTopic::value(const std::string& key) const {
  const auto found = values_.find(key);
  return found == values_.end() ? std::nullopt : std::optional(found->second);
}

Result<Progress> OffsetTopic::progress(const std::string& key) const {
  const auto stored = value(key);
  if (!stored) return Progress{};
  auto progress = from_offset_map(*stored);
  if (progress) return progress;
  return fail(progress.error().kind,
              fmt::format("topic {}, key {}: {}", config_.topic, key, progress.error().message),
              "write a record with this key and a null value to begin with a snapshot");
}

Result<void> OffsetTopic::write(const std::string& key, const std::string& value) {
  const SteadyTime deadline = steady_now() + kWriteTimeout;
  if (auto opened = open(deadline); !opened) return opened;
  const auto topic = producer_->topic(config_.topic);
  if (!topic) return std::unexpected(topic.error());
  told_.reset();
  auto taken = producer_->produce({.topic = *topic,
                                   .partition = kafka::partition_of(key, partitions_),
                                   .key = key,
                                   .value = value,
                                   .headers = {},
                                   .number = ++number_});
  if (!taken) return taken;
  while (!told_ && steady_now() < deadline && !producer_->client().fatal())
    producer_->client().poll(deadline);
  Result<void> result = told_ ? *told_
                              : fail(ErrorKind::kUnreachable,
                                     "topic " + config_.topic + ": not acknowledged in time");
  if (result) {
    values_.insert_or_assign(key, value);
  } else {
    // It may still point to `value`.
    producer_.reset();
  }
  return result;
}

void OffsetTopic::delivered(uint64_t number, const Error* error) {
  if (number != number_) return;
  told_ = error == nullptr ? Result<void>() : Result<void>(std::unexpected(*error));
}

}  // namespace millrace
