#include "base/base64.h"

#include <gtest/gtest.h>

namespace millrace {
namespace {

std::string base64(std::string_view bytes, bool url_safe = false) {
  std::string out(base64_bytes(bytes.size()), ' ');
  EXPECT_EQ(put_base64(out.data(), bytes, url_safe), out.data() + out.size());
  return out;
}

// RFC 4648, section 10.
TEST(Base64, HasTheExamplesOfItsStandard) {
  EXPECT_EQ(base64(""), "");
  EXPECT_EQ(base64("f"), "Zg==");
  EXPECT_EQ(base64("fo"), "Zm8=");
  EXPECT_EQ(base64("foo"), "Zm9v");
  EXPECT_EQ(base64("foob"), "Zm9vYg==");
  EXPECT_EQ(base64("fooba"), "Zm9vYmE=");
  EXPECT_EQ(base64("foobar"), "Zm9vYmFy");
  EXPECT_EQ(base64("\xfb\xff\xfe"), "+//+");
  EXPECT_EQ(base64("\xfb\xff\xfe", true), "-__-");
}

TEST(Base64, IsAppended) {
  std::string text = "data:";
  append_base64(text, "\xff\xfe\xfd");
  EXPECT_EQ(text, "data://79");
  append_base64(text, "f");
  EXPECT_EQ(text, "data://79Zg==");
}

TEST(Base64, WhatIsWrittenIsReadBack) {
  std::string bytes;
  for (int i = 0; i < 300; ++i) {
    std::string again;
    ASSERT_TRUE(append_decoded_base64(again, base64(bytes)));
    EXPECT_EQ(again, bytes);
    bytes += static_cast<char>(i * 37);
  }
  std::string ignored;
  EXPECT_FALSE(append_decoded_base64(ignored, "Zg="));
  EXPECT_FALSE(append_decoded_base64(ignored, "Z?=="));
}

}  // namespace
}  // namespace millrace
