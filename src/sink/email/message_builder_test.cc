#include "sink/email/message_builder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sink/email/row_for_tests.h"

namespace millrace {
namespace {

using ::testing::HasSubstr;

EmailSinkConfig config() {
  EmailSinkConfig c;
  c.host = "localhost";
  c.from = "Shop <shop@example.com>";
  c.subject = "${name} is back";
  c.text = "It costs ${price}.";
  return c;
}

MessageBuilder make(const EmailSinkConfig& c, const char* scope = "shop/mail") {
  auto builder = MessageBuilder::make(c, scope);
  EXPECT_TRUE(builder) << builder.error().text();
  return std::move(*builder);
}

TEST(MessageBuilder, BuildsFromARow) {
  TestRow row({{"email", "Bob@Example.ORG"}, {"name", "Tea"}, {"price", "1.50"}},
              {0x16B374D848, 3});
  EmailSinkConfig c = config();
  c.headers = "X-Sku: ${name}\nList-Unsubscribe: <https://example.com/u>";
  const MessageBuilder builder = make(c);
  const std::string to = *builder.recipient(row.change());
  EXPECT_EQ(to, "Bob@example.org");
  const std::string text = *builder.build(row.change(), to, 0);
  EXPECT_THAT(text, HasSubstr("Subject: Tea is back\r\n"));
  EXPECT_THAT(text, HasSubstr("Message-ID: <16B374D848.3." + builder.hash(row.change(), to) +
                              "@example.com>\r\n"));
  EXPECT_THAT(text, HasSubstr("X-Sku: Tea\r\nList-Unsubscribe: <https://example.com/u>\r\n"));
  EXPECT_THAT(text, HasSubstr("\r\n\r\nIt costs 1.50.\r\n"));
}

TEST(MessageBuilder, IdentityFollowsRecipientAndBranchAndNothingElse) {
  TestRow row({{"email", "a@b.c"}, {"name", "Tea"}});
  TestRow newer({{"email", "a@b.c"}, {"name", "Coffee"}});
  const MessageBuilder builder = make(config());
  const std::string hash = builder.hash(row.change(), "a@b.c");
  EXPECT_EQ(hash.size(), 32u);
  EXPECT_EQ(hash, builder.hash(newer.change(), "a@b.c"));
  EXPECT_NE(hash, builder.hash(row.change(), "x@b.c"));
  EXPECT_NE(hash, make(config(), "shop/other").hash(row.change(), "a@b.c"));
}

TEST(MessageBuilder, RowsOfASnapshotAreToldApartByTheirContent) {
  TestRow row({{"email", "a@b.c"}, {"name", "Tea"}});
  TestRow other({{"email", "a@b.c"}, {"name", "Coffee"}});
  row.change().op = other.change().op = Op::kRead;
  const MessageBuilder builder = make(config());
  EXPECT_NE(builder.hash(row.change(), "a@b.c"), builder.hash(other.change(), "a@b.c"));
}

TEST(MessageBuilder, RowWithoutAGoodAddressIsRefusedWithoutNamingIt) {
  const MessageBuilder builder = make(config());
  TestRow bad({{"email", "eve@nowhere>"}});
  auto refused = builder.recipient(bad.change());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::kData);
  EXPECT_EQ(refused.error().message.find("eve"), std::string::npos);
  TestRow null({{"email", std::nullopt}});
  EXPECT_EQ(builder.recipient(null.change()).error().kind, ErrorKind::kData);
  TestRow absent({{"mail", "a@b.c"}});
  EXPECT_EQ(builder.recipient(absent.change()).error().kind, ErrorKind::kConfig);
}

TEST(HeaderTemplates, OwnAndMalformedHeadersAreRefused) {
  std::vector<HeaderTemplate> out;
  for (const char* text :
       {"Bcc: eve@example.com", "content-type: text/html", "no colon", ": x", "A B: x", "X: ${"}) {
    EXPECT_NE(parse_header_templates(text, out), "") << text;
  }
  EXPECT_EQ(parse_header_templates("X-A: 1\r\n\n  X-B:2", out), "");
  EXPECT_EQ(out.size(), 2u);
}

TEST(EmailConfig, ContradictionsAreFound) {
  EmailSinkConfig c = config();
  EXPECT_TRUE(validate_email_config(c).empty());
  c.text.clear();
  c.user = "u";
  c.host = "mail:25/x";
  EXPECT_EQ(validate_email_config(c).size(), 3u);
  c = config();
  c.host = "mail.example.com";
  c.tls = MailTls::kNone;
  c.user = "u";
  c.password.value = "p";
  ASSERT_EQ(validate_email_config(c).size(), 1u);
  EXPECT_EQ(validate_email_config(c)[0].severity, Problem::Severity::kWarning);
  EXPECT_NE(check_line_template("a\nb"), "");
  EXPECT_NE(check_port("70000"), "");
}

}  // namespace
}  // namespace millrace
