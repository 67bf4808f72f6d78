#include "sink/kafka/topic_rules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace millrace {
namespace {

TopicRules parse(std::initializer_list<std::pair<const char*, const char*>> given,
                 Problems& problems) {
  Settings settings;
  for (const auto& [key, value] : given)
    settings.set(key, value, "c.json");
  return TopicRules::parse(settings, "", problems);
}

TEST(TopicRules, WithoutDefaultsTheBrokersCreate) {
  Problems problems;
  EXPECT_FALSE(parse({{"topic.creation.enable", "true"}}, problems).enabled());
  EXPECT_FALSE(
      parse({{"topic.creation.enable", "false"}, {"topic.creation.default.partitions", "3"}},
            problems)
          .enabled());
  EXPECT_TRUE(problems.empty());
}

TEST(TopicRules, AGroupTakesWhatItIncludes) {
  Problems problems;
  const TopicRules rules = parse({{"topic.creation.default.partitions", "3"},
                                  {"topic.creation.default.replication.factor", "-1"},
                                  {"topic.creation.default.cleanup.policy", "compact"},
                                  {"topic.creation.groups", "big"},
                                  {"topic.creation.big.include", "shop\\.public\\.o.*, x"},
                                  {"topic.creation.big.exclude", ".*_old"},
                                  {"topic.creation.big.partitions", "24"}},
                                 problems);
  ASSERT_TRUE(problems.empty());
  const auto big = rules.topic("shop.public.orders");
  EXPECT_EQ(big.name, "shop.public.orders");
  EXPECT_EQ(big.partitions, 24);
  EXPECT_EQ(big.replication_factor, -1);
  EXPECT_EQ(big.settings.at("cleanup.policy"), "compact");
  EXPECT_EQ(rules.topic("shop.public.orders_old").partitions, 3);
  EXPECT_EQ(rules.topic("shop.public.items").partitions, 3);
  EXPECT_EQ(rules.topic("x").partitions, 24);
}

TEST(TopicRules, EveryWrongValueIsToldWithItsKey) {
  Problems problems;
  parse({{"topic.creation.default.partitions", "0"},
         {"topic.creation.default.replication.factor", "many"},
         {"topic.creation.groups", "g"},
         {"topic.creation.g.include", "("}},
        problems);
  ASSERT_EQ(problems.size(), 3U);
  EXPECT_EQ(problems[0].key, "topic.creation.default.partitions");
  EXPECT_EQ(problems[1].key, "topic.creation.default.replication.factor");
  EXPECT_EQ(problems[2].key, "topic.creation.g.include");
}

}  // namespace
}  // namespace millrace
