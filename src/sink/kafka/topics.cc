#include "sink/kafka/topics.h"

#include <algorithm>
#include <thread>

#include "base/log.h"
#include "wire/kafka/murmur2.h"

namespace millrace {

namespace {

constexpr Millis kBetweenQuestions{50};
constexpr Millis kLeastPatience{50};
constexpr Millis kMostPatience{3200};

}  // namespace

Topics::Topic& Topics::entry(std::string_view name) {
  if (last_ != nullptr && last_->name == name) return *last_;
  auto found = topics_.find(name);
  if (found == topics_.end()) {
    found = topics_.emplace(std::string(name), Topic{}).first;
    found->second.name = found->first;
  }
  last_ = &found->second;
  return found->second;
}

std::optional<Topics::Target> Topics::target(const Record& record) {
  Topic& topic = entry(record.topic);
  if (topic.partitions == 0) return std::nullopt;
  Target out{topic.handle, 0};
  if (record.partition >= 0) {
    out.partition = std::min(record.partition, topic.partitions - 1);
  } else if (record.key.data() != nullptr) {
    out.partition = kafka::partition_of(record.key, topic.partitions);
  } else if (keyless_ == KeylessPartition::kOne) {
    out.partition = kafka::partition_of(record.topic, topic.partitions);
  } else {
    out.partition = static_cast<int32_t>(scatter_++ % static_cast<uint32_t>(topic.partitions));
  }
  return out;
}

Result<bool> Topics::ask(Topic& topic, SteadyTime deadline) {
  // A far or busy broker answers later than we are asked to wait: then it is given longer each
  // time, for an answer that is not waited for is lost.
  const SteadyTime until = std::max(deadline, steady_now() + patience_);
  const auto partitions = producer_.client().partitions(topic.name, until);
  patience_ = partitions ? kLeastPatience : std::min(patience_ * 2, kMostPatience);
  if (!partitions) return std::unexpected(partitions.error());
  if (!*partitions) return false;
  const auto handle = producer_.topic(topic.name);
  if (!handle) return std::unexpected(handle.error());
  topic.handle = *handle;
  topic.partitions = **partitions;
  topic.asked = steady_now();
  return true;
}

Result<void> Topics::create(Topic& topic, SteadyTime deadline) {
  if (!topic.creation) {
    auto started = kafka::TopicCreation::start(producer_.client(), rules_.topic(topic.name));
    if (!started) return std::unexpected(started.error());
    topic.creation = std::move(*started);
  }
  const auto done = topic.creation->wait(deadline);
  if (done && !*done) return {};
  topic.creation.reset();
  if (!done) return std::unexpected(done.error().in("topic " + topic.name));
  topic.created = true;
  log::info("topic created", {{"topic", topic.name}});
  return {};
}

Result<void> Topics::prepare(std::string_view name, SteadyTime deadline) {
  Topic& topic = entry(name);
  if (topic.wanted == SteadyTime{}) topic.wanted = steady_now();
  do {
    const auto known = ask(topic, deadline);
    if (known && *known) return {};
    // The brokers' absence is told by poll; here the topic is what counts.
    if (!known && known.error().kind != ErrorKind::kUnreachable)
      return std::unexpected(known.error());
    if (known && rules_.enabled() && !topic.created) {
      if (auto made = create(topic, deadline); !made) return made;
    }
    if (known && steady_now() - topic.wanted > kAppears) {
      return fail(
          ErrorKind::kNotFound,
          "topic " + topic.name + " does not exist and is not created by the brokers",
          "create it, set auto.create.topics.enable=true on the brokers, or give "
          "topic.creation.default.partitions and topic.creation.default.replication.factor");
    }
    if (steady_now() + kBetweenQuestions < deadline) std::this_thread::sleep_for(kBetweenQuestions);
  } while (steady_now() < deadline);
  return {};
}

void Topics::refresh(SteadyTime deadline) {
  const SteadyTime old = steady_now() - kMaxAge;
  const auto aged = std::ranges::find_if(topics_, [&](const auto& one) {
    return one.second.partitions > 0 && one.second.asked < old;
  });
  if (aged == topics_.end()) return;
  Topic& topic = aged->second;
  topic.asked = steady_now();
  const int32_t before = topic.partitions;
  const auto known = ask(topic, deadline);
  if (known && *known && topic.partitions != before) {
    log::warn("partitions of a topic changed: keys move",
              {{"topic", topic.name}, {"partitions", topic.partitions}});
  }
}

}  // namespace millrace
