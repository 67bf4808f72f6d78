// Creating one topic through the admin protocol, without blocking longer than asked. One thread.
#pragma once

#include <map>
#include <memory>
#include <string>

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
  // Asks for it. The client outlives the creation.
  static Result<TopicCreation> start(Client& client, const NewTopic& topic);

  // True: it exists (also when it did before). False: no answer before the deadline.
  Result<bool> wait(SteadyTime deadline);

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
