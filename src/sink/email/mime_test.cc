#include "sink/email/mime.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace millrace {
namespace {

using ::testing::HasSubstr;

MailMessage message() {
  return {.from = {"", "shop@example.com"},
          .to = "bob@example.org",
          .reply_to = {},
          .subject = "Back in stock",
          .text = "Hello",
          .html = {},
          .message_id = "<1000.1.ab@example.com>",
          .unix_seconds = 1700000000,
          .headers = {}};
}

size_t longest_line(std::string_view text) {
  size_t longest = 0;
  while (!text.empty()) {
    const size_t end = std::min(text.find("\r\n"), text.size());
    longest = std::max(longest, end);
    text.remove_prefix(std::min(end + 2, text.size()));
  }
  return longest;
}

TEST(Mime, AWholeMessage) {
  EXPECT_EQ(build_message(message()),
            "Date: Tue, 14 Nov 2023 22:13:20 +0000\r\n"
            "From: shop@example.com\r\n"
            "To: bob@example.org\r\n"
            "Subject: Back in stock\r\n"
            "Message-ID: <1000.1.ab@example.com>\r\n"
            "Auto-Submitted: auto-generated\r\n"
            "MIME-Version: 1.0\r\n"
            "Content-Type: text/plain; charset=utf-8\r\n"
            "Content-Transfer-Encoding: quoted-printable\r\n"
            "\r\n"
            "Hello\r\n");
}

TEST(Mime, QuotedPrintableEscapesWhatMailServersChange) {
  EXPECT_EQ(encode_quoted_printable("a=b"), "a=3Db\r\n");
  EXPECT_EQ(encode_quoted_printable("ü"), "=C3=BC\r\n");
  EXPECT_EQ(encode_quoted_printable("end \nx\t"), "end=20\r\nx=09\r\n");
  EXPECT_EQ(encode_quoted_printable(".\r\n..x"), "=2E\r\n=2E.x\r\n");
  EXPECT_EQ(encode_quoted_printable("From me"), "=46rom me\r\n");
  EXPECT_EQ(encode_quoted_printable("a\rb\nc\r\nd\n"), "a\r\nb\r\nc\r\nd\r\n");
  EXPECT_EQ(encode_quoted_printable("a\n\nb"), "a\r\n\r\nb\r\n");
}

TEST(Mime, QuotedPrintableKeepsLinesShortAndNeverStartsOneWithADot) {
  const std::string encoded = encode_quoted_printable(std::string(500, '.'));
  EXPECT_LE(longest_line(encoded), 76u);
  EXPECT_FALSE(encoded.starts_with("."));
  EXPECT_EQ(encoded.find("\r\n."), std::string::npos);
  std::string euros;
  for (int i = 0; i < 100; ++i)
    euros += "€";
  EXPECT_LE(longest_line(encode_quoted_printable(euros)), 76u);
}

TEST(Mime, AsciiHeadersStayAsTheyAre) {
  EXPECT_EQ(encode_header("Subject", "50% off!"), "Subject: 50% off!\r\n");
}

TEST(Mime, OtherHeadersBecomeEncodedWords) {
  EXPECT_EQ(encode_header("Subject", "Grüße"), "Subject: =?UTF-8?B?R3LDvMOfZQ==?=\r\n");
  EXPECT_THAT(encode_header("Subject", "=?UTF-8?B?eA==?="), HasSubstr("=?UTF-8?B?PT9"));
}

TEST(Mime, LongHeadersAreFoldedBetweenCharacters) {
  std::string subject;
  for (int i = 0; i < 60; ++i)
    subject += "€x";
  const std::string header = encode_header("Subject", subject);
  EXPECT_LE(longest_line(header), 78u);
  // Each word decodes by itself: its base64 length is a multiple of four and starts with a whole
  // character.
  EXPECT_THAT(header, HasSubstr("?=\r\n =?UTF-8?B?"));
  EXPECT_LE(longest_line(encode_header("Subject", std::string(1000, 'x'))), 78u);
  EXPECT_LE(longest_line(encode_header(std::string(69, 'X'), subject)), 78u);
}

TEST(Mime, NamesOfMailboxesAreQuotedOrEncoded) {
  EXPECT_EQ(format_mailbox({"", "a@b.c"}), "a@b.c");
  EXPECT_EQ(format_mailbox({"A, B", "a@b.c"}), "\"A, B\" <a@b.c>");
  EXPECT_EQ(format_mailbox({"Ä", "a@b.c"}), "=?UTF-8?B?w4Q=?=\r\n <a@b.c>");
}

TEST(Mime, TextAndHtmlAreAlternatives) {
  MailMessage both = message();
  both.html = "<p>Hello</p>";
  const std::string text = build_message(both);
  EXPECT_THAT(
      text,
      HasSubstr("Content-Type: multipart/alternative;\r\n boundary=\"=_10001abexamplecom\"\r\n\r\n"
                "--=_10001abexamplecom\r\nContent-Type: text/plain; charset=utf-8\r\n"));
  EXPECT_THAT(text,
              HasSubstr("\r\n--=_10001abexamplecom\r\nContent-Type: text/html; charset=utf-8\r\n"));
  EXPECT_THAT(text, HasSubstr("<p>Hello</p>\r\n--=_10001abexamplecom--\r\n"));
  both.text.clear();
  EXPECT_EQ(build_message(both).find("multipart"), std::string::npos);
}

}  // namespace
}  // namespace millrace
