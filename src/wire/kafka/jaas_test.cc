#include "wire/kafka/jaas.h"

#include <gtest/gtest.h>

namespace millrace::kafka {
namespace {

TEST(Jaas, PlainLoginHasUserAndPassword) {
  const auto login = parse_jaas(
      "org.apache.kafka.common.security.plain.PlainLoginModule required\n"
      "  username=\"shop\" password=\"a b;=\\\"c\\\\\";");
  ASSERT_TRUE(login) << login.error().text();
  EXPECT_EQ(login->module, "PlainLoginModule");
  EXPECT_EQ(login->options.at("username"), "shop");
  EXPECT_EQ(login->options.at("password"), "a b;=\"c\\");
}

TEST(Jaas, ValuesNeedNoQuotesAndNoFinalSemicolon) {
  const auto login = parse_jaas("x.ScramLoginModule required username=u tokenauth='true'");
  ASSERT_TRUE(login) << login.error().text();
  EXPECT_EQ(login->options.at("username"), "u");
  EXPECT_EQ(login->options.at("tokenauth"), "true");
}

TEST(Jaas, MalformedTextIsAnErrorThatShowsNoSecret) {
  for (const char* text : {"", "Plain", "PlainLoginModule required username",
                           "PlainLoginModule required password=\"hunter2", "a b c=d"}) {
    const auto login = parse_jaas(text);
    ASSERT_FALSE(login) << text;
    EXPECT_EQ(login.error().kind, ErrorKind::kConfig);
    EXPECT_EQ(login.error().text().find("hunter2"), std::string::npos);
  }
}

}  // namespace
}  // namespace millrace::kafka
