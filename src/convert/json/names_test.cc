#include "convert/json/names.h"

#include <gtest/gtest.h>

#include "convert/json/java_hash_order.h"
#include "convert/json/transaction_order.h"

namespace millrace {
namespace {

TEST(NamesTest, TopicsAreSanitised) {
  JsonConverterConfig config;
  config.topic_prefix = "shop";
  TableSchema table;
  table.schema = "My Schema";
  table.name = "Order Lines";
  EXPECT_EQ(table_topic(table, config), "shop.My_Schema.Order_Lines");
  config.topic_delimiter = "_";
  config.topic_naming = TopicNaming::kDefault;
  EXPECT_EQ(table_topic(table, config), "shop_Order_Lines");
  EXPECT_EQ(sanitized_topic("p.Ünï"), "p._n_");
  EXPECT_EQ(sanitized_topic("p.𝄞"), "p.__");
  EXPECT_EQ(sanitized_topic(".."), "__");
  EXPECT_EQ(sanitized_topic(std::string(300, 'a')).size(), 249U);
}

TEST(NamesTest, AvroAdjustment) {
  EXPECT_EQ(adjusted_schema_name("1-shop.a.b", NameAdjustment::kAvro), "_1_shop.a.b");
  EXPECT_EQ(adjusted_field_name("a.b", NameAdjustment::kAvro), "a_b");
  EXPECT_EQ(adjusted_field_name("1st", NameAdjustment::kAvro), "_1st");
  EXPECT_EQ(adjusted_field_name("price-%", NameAdjustment::kAvro), "price__");
  EXPECT_EQ(adjusted_field_name("a_b-é", NameAdjustment::kAvroUnicode), "a_u005fb_u002d_u00e9");
  EXPECT_EQ(adjusted_field_name("a b", NameAdjustment::kNone), "a b");
}

TEST(JavaHashOrderTest, HashIsThatOfJavaStrings) {
  EXPECT_EQ(java_string_hash(""), 0U);
  EXPECT_EQ(java_string_hash("public.acc"), 1903343484U);
  EXPECT_EQ(java_string_hash("é☕𝄞"), 18082486U);
}

TEST(TransactionOrderTest, CountsOverAllAndPerTable) {
  TransactionOrder order;
  order.begin(7);
  EXPECT_TRUE(order.in_progress(7));
  EXPECT_EQ(order.count("public.acc").total, 1U);
  EXPECT_EQ(order.count("public.log").collection, 1U);
  const EventOrder third = order.count("public.acc");
  EXPECT_EQ(third.total, 3U);
  EXPECT_EQ(third.collection, 2U);
  EXPECT_EQ(order.collections().size(), 2U);
  order.end();
  EXPECT_FALSE(order.in_progress(7));
  EXPECT_EQ(order.total(), 0U);
}

TEST(TransactionOrderTest, TotalGoesOnAfterARestartWithinATransaction) {
  TransactionOrder order;
  order.begin(7, 4);
  EXPECT_EQ(order.count("public.acc").total, 5U);
}

}  // namespace
}  // namespace millrace
