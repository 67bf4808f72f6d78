// What is asked of a Kafka sink, and what is wrong with it. No network.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "sink/kafka/kafka_sink.h"

namespace millrace {
namespace {

using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

TEST(KafkaSinkConfigTest, EveryProblemIsToldAtOnce) {
  Settings settings;
  settings.set("linger.ms", "x", "p.toml:3");
  settings.set("keyless.partition", "two", "p.toml:4");
  Problems problems;
  parse_kafka_sink(settings, problems, "branch.k.sink.");
  EXPECT_EQ(problems.size(), 3U);  // and bootstrap.servers is missing
}

TEST(KafkaSinkConfigTest, BrokersMayStandAsAnOverride) {
  Settings settings;
  settings.set("producer.bootstrap.servers", "a:1", "worker.properties:1");
  Problems problems;
  EXPECT_EQ(parse_kafka_sink(settings, problems).bootstrap_servers, "a:1");
  EXPECT_TRUE(problems.empty());
}

TEST(KafkaSinkConfigTest, ALingerThatOutlivesItsRecordsIsRefused) {
  Settings settings;
  settings.set("bootstrap.servers", "a:1", "");
  settings.set("linger.ms", "3000", "c.json");
  settings.set("producer.delivery.timeout.ms", "3000", "worker.properties:1");
  Problems problems;
  parse_kafka_sink(settings, problems, "branch.k.sink.");
  ASSERT_EQ(problems.size(), 1U);
  EXPECT_EQ(problems[0].key, "branch.k.sink.producer.delivery.timeout.ms");
  EXPECT_EQ(problems[0].origin, "worker.properties:1");
  EXPECT_THAT(problems[0].message, HasSubstr("linger.ms"));
  settings.set("linger.ms", "2999", "c.json");
  problems.clear();
  parse_kafka_sink(settings, problems);
  EXPECT_TRUE(problems.empty());
}

class ExactlyOnceConfigTest : public ::testing::Test {
 protected:
  KafkaSinkConfig parse(const std::map<std::string, std::string>& more) {
    Settings settings;
    settings.set("bootstrap.servers", "a:1", "c.json");
    for (const auto& [key, value] : more)
      settings.set(key, value, "c.json");
    problems_.clear();
    return parse_kafka_sink(settings, problems_);
  }

  Problems problems_;
};

TEST_F(ExactlyOnceConfigTest, RequiredOrTheWorkersEnabledTurnsItOn) {
  const std::string topic = "offset.storage.topic";
  EXPECT_FALSE(parse({}).exactly_once);
  EXPECT_FALSE(parse({{"exactly.once.support", "requested"}}).exactly_once);
  EXPECT_FALSE(parse({{"exactly.once.source.support", "preparing"}}).exactly_once);
  EXPECT_TRUE(parse({{"exactly.once.support", "required"}, {topic, "o"}}).exactly_once);
  EXPECT_TRUE(parse({{"exactly.once.source.support", "ENABLED"}, {topic, "o"}}).exactly_once);
  EXPECT_TRUE(problems_.empty());
}

TEST_F(ExactlyOnceConfigTest, TheTransactionalIdIsConnects) {
  auto config = parse({{"exactly.once.support", "required"},
                       {"offset.storage.topic", "o"},
                       {"group.id", "workers"}});
  ASSERT_TRUE(config.exactly_once);
  config.exactly_once->bind("inventory", "dbz");
  EXPECT_EQ(config.exactly_once->transactional_id, "workers-inventory-0");
  EXPECT_EQ(config.exactly_once->offset_key, R"(["inventory",{"server":"dbz"}])");
}

TEST_F(ExactlyOnceConfigTest, OffsetsInAFileAndNoIdempotenceCannotTakePart) {
  parse({{"exactly.once.support", "required"}, {"enable.idempotence", "false"}});
  ASSERT_EQ(problems_.size(), 2U);
  EXPECT_EQ(problems_[0].key, "offset.storage.topic");
  EXPECT_FALSE(problems_[0].cure.empty());
  EXPECT_EQ(problems_[1].key, "enable.idempotence");
  EXPECT_EQ(problems_[1].origin, "c.json");
}

TEST_F(ExactlyOnceConfigTest, NoIdempotenceIsToldWhereverItStands) {
  std::map<std::string, std::string> settings{{"exactly.once.support", "required"},
                                              {"offset.storage.topic", "o"},
                                              {"enable.idempotence", "true"}};
  for (const std::string prefix : {"producer.", "producer.override."}) {
    settings[prefix + "enable.idempotence"] = "False";
    parse(settings);
    ASSERT_EQ(problems_.size(), 1U);
    EXPECT_EQ(problems_[0].key, prefix + "enable.idempotence");
  }
  settings["producer.override.enable.idempotence"] = "true";  // it wins
  parse(settings);
  EXPECT_TRUE(problems_.empty());
}

TEST_F(ExactlyOnceConfigTest, WhatIsWrongWithTheOffsetsIsToldOnce) {
  parse({{"exactly.once.support", "required"},
         {"offset.storage.topic", "o"},
         {"offset.storage.partitions", "many"},
         {"offset.storage.replication.factor", "x"},
         {"connections.max.idle.ms", "x"},
         {"consumer.receive.buffer.bytes", "x"}});
  std::vector<std::string> keys;
  for (const Problem& problem : problems_)
    keys.push_back(problem.key);
  EXPECT_THAT(keys,
              UnorderedElementsAre("offset.storage.partitions", "offset.storage.replication.factor",
                                   "connections.max.idle.ms", "consumer.receive.buffer.bytes"));
}

TEST_F(ExactlyOnceConfigTest, AnIntervalIsShorterThanATransactionMayBe) {
  std::map<std::string, std::string> settings{{"exactly.once.support", "required"},
                                              {"offset.storage.topic", "o"},
                                              {"transaction.boundary.interval.ms", "60000"}};
  parse(settings);
  EXPECT_TRUE(problems_.empty()) << "it does not count without transaction.boundary=interval";
  settings["transaction.boundary"] = "interval";
  parse(settings);
  ASSERT_EQ(problems_.size(), 1U);
  EXPECT_EQ(problems_[0].key, "transaction.boundary.interval.ms");
  EXPECT_THAT(problems_[0].message, HasSubstr("transaction.timeout.ms"));
  settings["producer.override.transaction.timeout.ms"] = "90000";
  parse(settings);
  EXPECT_TRUE(problems_.empty());
}

TEST_F(ExactlyOnceConfigTest, ABoundaryThatTheConnectorChoosesDoesNotExist) {
  parse({{"transaction.boundary", "connector"}});
  EXPECT_EQ(problems_.size(), 1U);
}

}  // namespace
}  // namespace millrace
