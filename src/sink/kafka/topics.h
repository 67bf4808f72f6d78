// The topics that a sink writes to: their partition counts, as the cluster says, and their
// creation. All that are wanted are worked on at the same time. One thread.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

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
  // How long a topic may take to appear, when no other one does meanwhile.
  static constexpr std::chrono::seconds kAppears{30};

  // All outlive the Topics.
  Topics(kafka::Producer& producer, const TopicRules& rules, KeylessPartition keyless)
      : producer_(producer), rules_(rules), keyless_(keyless) {}

  struct Target {
    rd_kafka_topic_s* topic = nullptr;
    int32_t partition = 0;
    uint32_t index = 0;  // of the partition, among all that there ever were
  };

  // nullopt: the topic's partitions are not known yet, prepare() finds out.
  std::optional<Target> target(const Record& record);

  bool is_known(std::string_view name) { return entry(name).partitions > 0; }

  // prepare() works on it too, whatever it is called for.
  void want(std::string_view name);

  // Works on what is wanted (creates it, asks for its partitions) until this one is known or the
  // deadline. kNotFound: there is no such topic and nobody creates it.
  Result<void> prepare(std::string_view name, SteadyTime deadline);

  // Asks again for all counts when they are too old.
  void refresh(SteadyTime deadline);

 private:
  struct Topic {
    std::string name;
    rd_kafka_topic_s* handle = nullptr;  // null: never asked for
    int32_t partitions = 0;              // 0 = not known
    uint32_t first_index = 0;
    SteadyTime wanted{};  // when it was missed first
    bool created = false;
    std::optional<Error> fault;  // why it is not known, when waiting does not help
  };

  Topic& entry(std::string_view name);
  void announce_missing();
  bool is_all_worth_asking() const;
  // Of this topic, or of all; nullptr = all.
  Result<void> ask(const Topic* topic, SteadyTime deadline);
  void learn(std::string_view name, const Result<int32_t>& count);
  Result<void> create_missing(SteadyTime deadline);

  kafka::Producer& producer_;
  const TopicRules& rules_;
  const KeylessPartition keyless_;
  std::map<std::string, Topic, std::less<>> topics_;
  std::vector<Topic*> missing_;  // wanted, and not known yet
  std::optional<kafka::TopicCreation> creation_;
  Topic* last_ = nullptr;  // of the record before
  Millis patience_{50};    // for the brokers' answer; doubled when it does not come
  SteadyTime asked_all_ = steady_now();
  SteadyTime ask_again_{};  // not before
  SteadyTime ask_all_again_{};
  SteadyTime appeared_{};  // when a topic became known
  uint32_t scatter_ = 0;
  uint32_t partitions_ = 0;  // that there ever were
};

}  // namespace millrace
