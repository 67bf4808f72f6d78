// Creating topics through the admin protocol, in one request, without blocking longer than asked.
// One thread.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "wire/kafka/client.h"

struct rd_kafka_queue_s;

namespace millrace::kafka {

struct NewTopic {
  std::string name;
  int partitions = -1;                                       // -1: the cluster's default
  int replication_factor = -1;                               // -1: the cluster's default
  std::map<std::string, std::string, std::less<>> settings;  // cleanup.policy …
};

class TopicCreation {
 public:
  // Asks for them. The client outlives the creation. Together they take a broker as long as one
  // does alone (40 ms).
  static Result<TopicCreation> start(Client& client, std::span<const NewTopic> topics);

  // True: answered, and `tell` has heard of each; it exists also when it did before. False: no
  // answer before the deadline.
  using Tell = std::function<void(std::string_view topic, const Result<void>& created)>;
  Result<bool> wait(SteadyTime deadline, const Tell& tell);

 private:
  struct FreeQueue {
    void operator()(rd_kafka_queue_s* queue) const;
  };

  explicit TopicCreation(rd_kafka_queue_s* answers) : answers_(answers) {}

  std::unique_ptr<rd_kafka_queue_s, FreeQueue> answers_;
};

// A setting of the cluster's brokers ("auto.create.topics.enable"); nullopt: it has none of that
// name. kUnauthorized where this login may not ask.
Result<std::optional<std::string>> broker_setting(Client& client, const std::string& name,
                                                  SteadyTime deadline);

}  // namespace millrace::kafka
