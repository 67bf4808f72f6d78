#include "base/json_text.h"

#include <gtest/gtest.h>

#include "base/base64.h"

namespace millrace {
namespace {

std::string json(std::string_view text) {
  std::string out;
  append_json_string(out, text);
  return out;
}

std::string base64(std::string_view bytes) {
  std::string out;
  append_base64(out, bytes);
  return out;
}

TEST(JsonText, EscapesWhatJsonReserves) {
  EXPECT_EQ(json("a\"b\\c\n\t\x01é"), R"("a\"b\\c\n\t\u0001é")");
  EXPECT_EQ(json(std::string_view("\0", 1)), R"("\u0000")");
  EXPECT_EQ(json(""), R"("")");
}

TEST(JsonText, Base64HasThePaddingOfRfc4648) {
  EXPECT_EQ(base64(""), "");
  EXPECT_EQ(base64("f"), "Zg==");
  EXPECT_EQ(base64("fo"), "Zm8=");
  EXPECT_EQ(base64("foo"), "Zm9v");
  EXPECT_EQ(base64("foob"), "Zm9vYg==");
  EXPECT_EQ(base64("\xff\xfe\xfd"), "//79");
}

TEST(JsonText, Base64IsReadBack) {
  for (const std::string bytes : {"", "f", "fo", "foo", "foob", "\xff\xfe\xfd"}) {
    std::string back;
    EXPECT_TRUE(append_decoded_base64(back, base64(bytes)));
    EXPECT_EQ(back, bytes);
  }
  std::string ignored;
  EXPECT_FALSE(append_decoded_base64(ignored, "Zg="));
  EXPECT_FALSE(append_decoded_base64(ignored, "Z?=="));
}

}  // namespace
}  // namespace millrace
