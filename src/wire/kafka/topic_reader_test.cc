// Against the cluster that librdkafka brings for its own tests: it speaks the protocol, and its
// brokers can be made slow.
#include "wire/kafka/topic_reader.h"

#include <gtest/gtest.h>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include <algorithm>
#include <array>

namespace millrace::kafka {
namespace {

constexpr auto kTopic = "offsets";

// Two brokers, each with one partition of the topic.
class Cluster {
 public:
  Cluster() {
    std::array<char, 256> text{};
    client_ = rd_kafka_new(RD_KAFKA_PRODUCER, rd_kafka_conf_new(), text.data(), text.size());
    cluster_ = rd_kafka_mock_cluster_new(client_, 2);
    EXPECT_EQ(rd_kafka_mock_topic_create(cluster_, kTopic, 2, 1), RD_KAFKA_RESP_ERR_NO_ERROR);
    for (const int32_t partition : {0, 1}) {
      EXPECT_EQ(rd_kafka_mock_partition_set_leader(cluster_, kTopic, partition, partition + 1),
                RD_KAFKA_RESP_ERR_NO_ERROR);
    }
    rd_kafka_brokers_add(client_, rd_kafka_mock_cluster_bootstraps(cluster_));
  }

  ~Cluster() {
    rd_kafka_mock_cluster_destroy(cluster_);
    rd_kafka_destroy(client_);
  }

  Cluster(const Cluster&) = delete;
  Cluster& operator=(const Cluster&) = delete;

  Properties properties() const {
    return {{"bootstrap.servers", rd_kafka_mock_cluster_bootstraps(cluster_)}};
  }

  void slow_down(int32_t partition, Millis rtt) const {
    rd_kafka_mock_broker_set_rtt(cluster_, partition + 1, static_cast<int>(rtt.count()));
  }

  // Durable when it returns.
  void put(int32_t partition, std::string_view key) const {
    rd_kafka_topic_t* topic = rd_kafka_topic_new(client_, kTopic, nullptr);
    EXPECT_EQ(rd_kafka_produce(topic, partition, RD_KAFKA_MSG_F_COPY, nullptr, 0, key.data(),
                               key.size(), nullptr),
              0);
    rd_kafka_topic_destroy(topic);
    EXPECT_EQ(rd_kafka_flush(client_, 10000), RD_KAFKA_RESP_ERR_NO_ERROR);
  }

 private:
  rd_kafka_t* client_ = nullptr;
  rd_kafka_mock_cluster_t* cluster_ = nullptr;
};

TEST(ReadTopic, APartitionThatEndsAgainDoesNotStandForAnother) {
  const Cluster cluster;
  cluster.put(0, "first");
  cluster.put(1, "behind");
  cluster.slow_down(1, Millis(1000));
  std::vector<std::string> keys;
  const auto done = read_topic(cluster.properties(), kTopic, steady_now() + std::chrono::minutes(1),
                               [&](std::string_view key, std::string_view) {
                                 keys.emplace_back(key);
                                 if (key == "first") cluster.put(0, "meanwhile");
                               });
  ASSERT_TRUE(done) << done.error().text();
  EXPECT_NE(std::find(keys.begin(), keys.end(), "behind"), keys.end());
}

}  // namespace
}  // namespace millrace::kafka
