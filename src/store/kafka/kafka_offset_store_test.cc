// Against librdkafka's own mock cluster: no server, no network beyond loopback.
#include "store/kafka/kafka_offset_store.h"

#include <gtest/gtest.h>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

namespace millrace {
namespace {

class KafkaOffsetStoreTest : public ::testing::Test {
 protected:
  KafkaOffsetStoreTest() {
    char text[256];
    host_ = rd_kafka_new(RD_KAFKA_PRODUCER, rd_kafka_conf_new(), text, sizeof text);
    cluster_ = rd_kafka_mock_cluster_new(host_, 1);
    rd_kafka_mock_topic_create(cluster_, "offsets", 3, 1);
    Settings settings;
    settings.set("bootstrap.servers", rd_kafka_mock_cluster_bootstraps(cluster_), "test");
    settings.set("offset.storage.topic", "offsets", "test");
    settings.set("offset.storage.replication.factor", "1", "test");
    Problems problems;
    config_ = parse_kafka_offsets(settings, problems);
    EXPECT_TRUE(problems.empty());
  }

  ~KafkaOffsetStoreTest() override {
    rd_kafka_mock_cluster_destroy(cluster_);
    rd_kafka_destroy(host_);
  }

  // As another process would open it.
  std::unique_ptr<OffsetStore> store(std::string_view connector) const {
    return make_kafka_offset_store(make_offset_topic(config_), connector, "shop");
  }

  static Progress at(Lsn lsn) {
    Offset offset;
    offset.lsn = lsn;
    offset.lsn_proc = lsn;
    offset.position = {lsn + 8, 2};
    return {{std::string(kSlotStream), offset}};
  }

  rd_kafka_t* host_ = nullptr;
  rd_kafka_mock_cluster_t* cluster_ = nullptr;
  KafkaOffsetConfig config_;
};

TEST_F(KafkaOffsetStoreTest, NothingStoredIsEmpty) {
  const auto loaded = store("inventory")->load();
  ASSERT_TRUE(loaded) << loaded.error().text();
  EXPECT_TRUE(loaded->empty());
}

TEST_F(KafkaOffsetStoreTest, TheNewestOfEachConnectorIsReadBack) {
  const auto first = store("inventory");
  ASSERT_TRUE(first->load());
  ASSERT_TRUE(first->save(at(100)));
  ASSERT_TRUE(first->save(at(200)));
  const auto other = store("orders");
  ASSERT_TRUE(other->load());
  ASSERT_TRUE(other->save(at(700)));
  const auto again = store("inventory")->load();
  ASSERT_TRUE(again) << again.error().text();
  ASSERT_EQ(again->count(kSlotStream), 1U);
  EXPECT_EQ(again->find(kSlotStream)->second.lsn, 200U);
  EXPECT_EQ(again->find(kSlotStream)->second.position, (Position{208, 2}));
}

}  // namespace
}  // namespace millrace
