#include "sink/email/mail_template.h"

#include <gtest/gtest.h>

#include "sink/email/row_for_tests.h"

namespace millrace {
namespace {

MailTemplate parsed(std::string_view text) {
  MailTemplate out;
  EXPECT_EQ(MailTemplate::parse(text, out), "");
  return out;
}

TEST(MailTemplate, ReplacesColumns) {
  TestRow row({{"name", "Tea"}, {"price", "1.50"}, {"note", std::nullopt}});
  EXPECT_EQ(*parsed("${name}: ${price}$ ${note}!").render(row.change(), Escape::kNone),
            "Tea: 1.50$ !");
}

TEST(MailTemplate, HasAWayToWriteAPlainPlaceholder) {
  TestRow row({{"name", "${price}"}});
  EXPECT_EQ(*parsed("$${name} ${name} $$").render(row.change(), Escape::kNone),
            "${name} ${price} $$");
}

TEST(MailTemplate, ThatIsMalformedIsRefused) {
  MailTemplate out;
  EXPECT_NE(MailTemplate::parse("Hello ${name", out), "");
  EXPECT_NE(MailTemplate::parse("Hello ${}", out), "");
}

TEST(MailTemplate, UnknownColumnIsAConfigurationErrorThatNamesTheOthers) {
  TestRow row({{"name", "Tea"}, {"sku", "1"}});
  auto text = parsed("${nome}").render(row.change(), Escape::kNone);
  ASSERT_FALSE(text);
  EXPECT_EQ(text.error().kind, ErrorKind::kConfig);
  EXPECT_NE(text.error().cure.find("name, sku"), std::string::npos);
}

TEST(MailTemplate, LineBreaksNeverReachAHeader) {
  for (const char* value : {"Tea\r\nBcc: eve@example.com", "a\nb", "a\rb", "a\x7f"}) {
    TestRow row({{"name", value}});
    auto text = parsed("${name}").render(row.change(), Escape::kLine);
    ASSERT_FALSE(text);
    EXPECT_EQ(text.error().kind, ErrorKind::kData);
    EXPECT_EQ(text.error().message.find("Tea"), std::string::npos);  // no value in an error
  }
}

TEST(MailTemplate, ValuesAreEscapedInHtmlAndTheTextIsNot) {
  TestRow row({{"name", "<b>\"T&T's\"</b>"}});
  EXPECT_EQ(*parsed("<p>${name}</p>").render(row.change(), Escape::kHtml),
            "<p>&lt;b&gt;&quot;T&amp;T&#39;s&quot;&lt;/b&gt;</p>");
}

TEST(MailTemplate, InvalidUtf8AndMissingValuesAreRefused) {
  TestRow row({{"name", "a\xff"}, {"large", "x"}});
  EXPECT_EQ(parsed("${name}").render(row.change(), Escape::kNone).error().kind, ErrorKind::kData);
  row.value(1).kind = DatumKind::kUnchanged;
  EXPECT_EQ(parsed("${large}").render(row.change(), Escape::kNone).error().kind, ErrorKind::kData);
}

TEST(MailTemplate, APaddedTextComesWithoutItsPadding) {
  TestRow row({{"c", "ab   "}});
  row.table().columns[0].type.type = PgType::kBpchar;
  EXPECT_EQ(*parsed("${c}.").render(row.change(), Escape::kNone), "ab.");
}

}  // namespace
}  // namespace millrace
