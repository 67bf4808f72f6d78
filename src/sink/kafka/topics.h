// The topics that a sink writes to: their partition counts, as the cluster says, and their
// creation. One thread.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "event/batch.h"
#include "sink/kafka/kafka_sink.h"
#include "sink/kafka/topic_rules.h"
#include "wire/kafka/producer.h"

namespace millrace {

class Topics {
 public:
  // Counts are asked again after this time: partitions may be added.
  static constexpr std::chrono::minutes kMaxAge{5};
  // How long a topic may take to appear.
  static constexpr std::chrono::seconds kAppears{30};

  // All outlive the Topics.
  Topics(kafka::Producer& producer, const TopicRules& rules, KeylessPartition keyless)
      : producer_(producer), rules_(rules), keyless_(keyless) {}

  struct Target {
    rd_kafka_topic_s* topic = nullptr;
    int32_t partition = 0;
  };

  // nullopt: the topic's partitions are not known yet, prepare() finds out.
  std::optional<Target> target(const Record& record);

  // Works on the topic (creates it, asks for its partitions) until it is known or the deadline.
  // kNotFound: there is no such topic and nobody creates it.
  Result<void> prepare(std::string_view name, SteadyTime deadline);

  // Asks again for one count that is too old, if there is one.
  void refresh(SteadyTime deadline);

 private:
  struct Topic {
    std::string name;
    rd_kafka_topic_s* handle = nullptr;
    int32_t partitions = 0;  // 0 = not known
    SteadyTime asked{};      // when `partitions` was told
    SteadyTime wanted{};     // when it was missed first
    std::optional<kafka::TopicCreation> creation;
    bool created = false;
  };

  Topic& entry(std::string_view name);
  Result<void> create(Topic& topic, SteadyTime deadline);
  Result<bool> ask(Topic& topic, SteadyTime deadline);

  kafka::Producer& producer_;
  const TopicRules& rules_;
  const KeylessPartition keyless_;
  std::map<std::string, Topic, std::less<>> topics_;
  Topic* last_ = nullptr;  // of the record before
  Millis patience_{50};    // for the brokers' answer; doubled when it does not come
  uint32_t scatter_ = 0;
};

}  // namespace millrace
