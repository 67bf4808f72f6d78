#include "sink/email/address.h"

#include <gtest/gtest.h>

namespace millrace {
namespace {

std::string wrong(std::string_view text) {
  std::string normalised;
  return parse_address(text, normalised);
}

TEST(Address, LowersTheDomainOnly) {
  std::string address;
  EXPECT_EQ(parse_address("  Bob.M+x@Example.COM ", address), "");
  EXPECT_EQ(address, "Bob.M+x@example.com");
}

TEST(Address, ThatIsMalformedIsRefused) {
  for (const char* text :
       {"", "bob", "@example.com", "bob@", "bob@exa mple.com", "b ob@example.com",
        "bob@example..com", "bob@-a.com", "bob@example.com>", "bob@a.com\r\nRCPT TO:<x@y>",
        "bob@example.com,eve@example.com", "<bob@example.com>", "bøb@example.com",
        "\"b b\"@example.com", "a@b@c.com"}) {
    EXPECT_NE(wrong(text), "") << text;
  }
  EXPECT_NE(wrong(std::string(65, 'a') + "@example.com"), "");
  EXPECT_NE(wrong("a@" + std::string(300, 'a')), "");
}

TEST(Mailbox, HasANameOrNone) {
  Mailbox mailbox;
  EXPECT_EQ(parse_mailbox("Our Shöp <shop@Example.com>", mailbox), "");
  EXPECT_EQ(mailbox.name, "Our Shöp");
  EXPECT_EQ(mailbox.address, "shop@example.com");
  EXPECT_EQ(mailbox.domain(), "example.com");
  EXPECT_EQ(parse_mailbox("\"A, B\" <a@b.c>", mailbox), "");
  EXPECT_EQ(mailbox.name, "A, B");
  EXPECT_EQ(parse_mailbox("a@b.c", mailbox), "");
  EXPECT_EQ(mailbox.name, "");
  EXPECT_NE(parse_mailbox("A <a@b.c", mailbox), "");
  EXPECT_NE(parse_mailbox("A\r\nBcc: <a@b.c>", mailbox), "");
}

}  // namespace
}  // namespace millrace
