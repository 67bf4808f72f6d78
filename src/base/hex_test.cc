#include "base/hex.h"

#include <gtest/gtest.h>

#include <optional>

namespace millrace {
namespace {

std::optional<std::string> bytea(std::string_view text) {
  std::string out = "what was there";
  return read_bytea(text, out) ? std::optional(out) : std::nullopt;
}

TEST(Hex, EachByteGoesThereAndBack) {
  std::string all;
  for (int i = 0; i < 256; ++i)
    all += static_cast<char>(i);
  std::string text(2 * all.size(), ' ');
  EXPECT_EQ(put_hex(text.data(), all), text.data() + text.size());
  EXPECT_TRUE(text.starts_with("000102030405060708090a0b"));
  EXPECT_TRUE(text.ends_with("fdfeff"));
  EXPECT_EQ(bytea("\\x" + text), all);
}

TEST(Hex, AByteaIsReadInBothCasesOrNotAtAll) {
  EXPECT_EQ(bytea("\\x"), "");
  EXPECT_EQ(bytea("\\x6aAF"), "j\xaf");
  for (const char* text : {"", "\\", "x", "6a", "\\X6a", "\\x6", "\\x6g", "\\xg6", "\\x6a\xff\xff"})
    EXPECT_EQ(bytea(text), std::nullopt) << text;
}

}  // namespace
}  // namespace millrace
