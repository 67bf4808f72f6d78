#include "wire/kafka/topic_reader.h"

#include <fmt/format.h>
#include <librdkafka/rdkafka.h>

#include <map>
#include <set>

#include "wire/kafka/errors.h"

namespace millrace::kafka {

namespace {

struct FreeTopic {
  void operator()(rd_kafka_topic_t* topic) const { rd_kafka_topic_destroy(topic); }
};

struct FreeQueue {
  void operator()(rd_kafka_queue_t* queue) const { rd_kafka_queue_destroy(queue); }
};

struct FreeMessage {
  void operator()(rd_kafka_message_t* message) const { rd_kafka_message_destroy(message); }
};

// All partitions of one topic, into one queue.
class Reading {
 public:
  Reading(Client& client, const std::string& topic, OpenTransactions open)
      : client_(client),
        open_(open),
        topic_(rd_kafka_topic_new(client.handle(), topic.c_str(), nullptr)),
        queue_(rd_kafka_queue_new(client.handle())) {}

  ~Reading() {
    for (int32_t i = 0; i < started_; ++i)
      rd_kafka_consume_stop(topic_.get(), i);
  }

  Reading(const Reading&) = delete;
  Reading& operator=(const Reading&) = delete;

  Result<void> start(int32_t partitions) {
    for (; started_ < partitions; ++started_) {
      if (rd_kafka_consume_start_queue(topic_.get(), started_, RD_KAFKA_OFFSET_BEGINNING,
                                       queue_.get()) != 0) {
        return std::unexpected(error_of(rd_kafka_last_error(), where(started_)));
      }
    }
    return {};
  }

  Result<void> run(SteadyTime deadline, const RecordVisitor& visit) {
    std::set<int32_t> ended;  // one that others write to ends more than once
    while (std::ssize(ended) < started_) {
      const std::unique_ptr<rd_kafka_message_t, FreeMessage> message(
          rd_kafka_consume_queue(queue_.get(), left_ms(deadline)));
      if (message == nullptr) {
        if (steady_now() < deadline) continue;
        return fail(ErrorKind::kUnreachable,
                    fmt::format("topic {}: not read to its end in time{}",
                                rd_kafka_topic_name(topic_.get()),
                                is_held_up_ ? "; a producer has a transaction open there" : ""));
      }
      if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        if (reaches_end(*message)) ended.insert(message->partition);
      } else if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        visit(view(message->key, message->key_len), view(message->payload, message->len));
      } else if (error_of(message->err, "").kind != ErrorKind::kUnreachable) {
        return std::unexpected(error_of(message->err, where(message->partition)));
      }
    }
    return {};
  }

 private:
  static std::string_view view(const void* data, size_t size) {
    return {static_cast<const char*>(data), size};
  }

  // What is told as the end is that of what is committed. The brokers' answer has both.
  bool reaches_end(const rd_kafka_message_t& told) {
    if (open_ == OpenTransactions::kLeaveOut) return true;
    const auto [goal, is_new] = goals_.try_emplace(told.partition, 0);
    if (is_new) {
      int64_t first = 0;
      rd_kafka_get_watermark_offsets(client_.handle(), rd_kafka_topic_name(topic_.get()),
                                     told.partition, &first, &goal->second);
    }
    const bool is_there = told.offset >= goal->second;
    is_held_up_ = is_held_up_ || !is_there;
    return is_there;
  }

  std::string where(int32_t partition) const {
    return fmt::format("topic {}, partition {}", rd_kafka_topic_name(topic_.get()), partition);
  }

  Client& client_;
  const OpenTransactions open_;
  std::map<int32_t, int64_t> goals_;  // ends of the partitions when they were first seen
  bool is_held_up_ = false;
  std::unique_ptr<rd_kafka_topic_t, FreeTopic> topic_;
  std::unique_ptr<rd_kafka_queue_t, FreeQueue> queue_;
  int32_t started_ = 0;
};

}  // namespace

Result<void> read_topic(Properties properties, const std::string& topic, SteadyTime deadline,
                        const RecordVisitor& visit, OpenTransactions open) {
  properties["enable.partition.eof"] = "true";
  // An empty partition is told at once.
  properties["fetch.wait.max.ms"] = "1";
  properties["isolation.level"] = "read_committed";
  properties["auto.offset.reset"] = "earliest";
  properties["log.connection.close"] = "false";
  properties.try_emplace("client.id", "millrace");
  const auto client = Client::open(ClientRole::kConsumer, properties, nullptr);
  if (!client) return std::unexpected(client.error());
  if (auto done = (*client)->connect(deadline); !done) return done;
  const auto partitions = (*client)->partitions(topic, deadline);
  if (!partitions) return std::unexpected(partitions.error());
  if (!*partitions) return fail(ErrorKind::kNotFound, "topic " + topic + " does not exist");
  Reading reading(**client, topic, open);
  if (auto done = reading.start(**partitions); !done) return done;
  return reading.run(deadline, visit);
}

}  // namespace millrace::kafka
