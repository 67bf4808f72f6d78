#include "sink/kafka/topics.h"

#include <algorithm>
#include <thread>
#include <utility>

#include "base/log.h"
#include "wire/kafka/murmur2.h"

namespace millrace {

namespace {

constexpr Millis kBetweenQuestions{10};
// librdkafka looks for each topic of an answer among all that it knows, one by one (5,000 topics:
// 0.2 s an answer). A question about all is too dear when less than this part of them is missing,
// and the next one waits this many times as long as the answer took.
constexpr size_t kPartForAll = 10;
constexpr int kPause = 3;
constexpr Millis kMostPause{1000};
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
  Target out{.topic = topic.handle};
  if (record.partition >= 0) {
    out.partition = std::min(record.partition, topic.partitions - 1);
  } else if (record.key.data() != nullptr) {
    out.partition = kafka::partition_of(record.key, topic.partitions);
  } else if (keyless_ == KeylessPartition::kOne) {
    out.partition = kafka::partition_of(record.topic, topic.partitions);
  } else {
    out.partition = static_cast<int32_t>(scatter_++ % static_cast<uint32_t>(topic.partitions));
  }
  out.index = topic.first_index + static_cast<uint32_t>(out.partition);
  return out;
}

void Topics::want(std::string_view name) {
  Topic& topic = entry(name);
  if (topic.partitions > 0 || topic.wanted != SteadyTime{}) return;
  topic.wanted = steady_now();
  missing_.push_back(&topic);
}

// Making the handle asks for it too, without waiting: brokers that create topics begin to.
void Topics::announce_missing() {
  for (Topic* topic : missing_) {
    if (topic->handle != nullptr) continue;
    const auto handle = producer_.topic(topic->name);
    if (handle)
      topic->handle = *handle;
    else
      topic->fault = handle.error();
  }
}

bool Topics::is_all_worth_asking() const {
  return missing_.size() * kPartForAll > topics_.size() && steady_now() >= ask_all_again_;
}

Result<void> Topics::ask(const Topic* topic, SteadyTime deadline) {
  // A far or busy broker answers later than we are asked to wait: then it is given longer each
  // time, for an answer that is not waited for is lost.
  const SteadyTime until = std::max(deadline, steady_now() + patience_);
  Result<void> answered;
  if (topic == nullptr) {
    asked_all_ = steady_now();
    answered = producer_.client().partitions_of_all(
        until, [&](std::string_view name, const Result<int32_t>& count) { learn(name, count); });
    const SteadyTime now = steady_now();
    ask_all_again_ = now + std::min<SteadyTime::duration>(kPause * (now - asked_all_), kMostPause);
  } else {
    const auto count = producer_.client().partitions(topic->name, until);
    if (count)
      learn(topic->name, count->value_or(0));
    else
      answered = std::unexpected(count.error());
  }
  patience_ = answered ? kLeastPatience : std::min(patience_ * 2, kMostPatience);
  std::erase_if(missing_, [](const Topic* one) { return one->partitions > 0; });
  return answered;
}

void Topics::learn(std::string_view name, const Result<int32_t>& count) {
  const auto found = topics_.find(name);
  if (found == topics_.end()) return;
  Topic& topic = found->second;
  if (!count) {
    topic.fault = count.error();
  } else if (*count > 0 && *count != topic.partitions) {
    topic.fault.reset();
    if (topic.partitions == 0) {
      appeared_ = steady_now();
    } else {
      log::warn("partitions of a topic changed: keys move",
                {{"topic", topic.name}, {"partitions", *count}});
    }
    topic.partitions = *count;
    topic.first_index = std::exchange(partitions_, partitions_ + static_cast<uint32_t>(*count));
  }
}

// One request at a time; what comes meanwhile is in the next one.
Result<void> Topics::create_missing(SteadyTime deadline) {
  if (!creation_) {
    std::vector<kafka::NewTopic> wanted;
    for (const Topic* topic : missing_)
      if (!topic->created && !topic->fault) wanted.push_back(rules_.topic(topic->name));
    if (wanted.empty()) return {};
    auto started = kafka::TopicCreation::start(producer_.client(), wanted);
    if (!started) return std::unexpected(started.error());
    creation_ = std::move(*started);
  }
  const auto done =
      creation_->wait(deadline, [&](std::string_view name, const Result<void>& created) {
        Topic& topic = entry(name);
        topic.created = created.has_value();
        if (!created) topic.fault = created.error().in("topic " + topic.name);
        if (created) log::info("topic created", {{"topic", topic.name}});
      });
  if (done && !*done) return {};
  creation_.reset();
  if (!done) return std::unexpected(done.error());
  return {};
}

Result<void> Topics::prepare(std::string_view name, SteadyTime deadline) {
  want(name);
  Topic& topic = entry(name);
  do {
    if (topic.handle != nullptr && steady_now() < ask_again_) {
      std::this_thread::sleep_until(std::min(ask_again_, deadline));
      continue;
    }
    announce_missing();
    const auto answered = ask(is_all_worth_asking() ? nullptr : &topic, deadline);
    ask_again_ = topic.partitions > 0 ? SteadyTime{} : steady_now() + kBetweenQuestions;
    if (topic.partitions > 0) return {};
    // The brokers' absence is told by poll; here the topic is what counts.
    if (!answered && answered.error().kind != ErrorKind::kUnreachable) return answered;
    if (answered && rules_.enabled()) {
      if (auto made = create_missing(deadline); !made) return made;
    }
    if (topic.fault) return std::unexpected(*std::exchange(topic.fault, std::nullopt));
    if (answered && steady_now() - std::max(topic.wanted, appeared_) > kAppears) {
      return fail(
          ErrorKind::kNotFound,
          "topic " + topic.name + " does not exist and is not created by the brokers",
          "create it, set auto.create.topics.enable=true on the brokers, or give "
          "topic.creation.default.partitions and topic.creation.default.replication.factor");
    }
  } while (steady_now() < deadline);
  return {};
}

void Topics::refresh(SteadyTime deadline) {
  if (topics_.empty() || steady_now() < asked_all_ + kMaxAge) return;
  // When they do not answer now, the old counts stay.
  static_cast<void>(ask(nullptr, deadline));
}

}  // namespace millrace
