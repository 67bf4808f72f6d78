#include "base/json_text.h"

#include <gtest/gtest.h>

namespace millrace {
namespace {

std::string json(std::string_view text) {
  std::string out;
  append_json_string(out, text);
  return out;
}

TEST(JsonText, EscapesWhatJsonReserves) {
  EXPECT_EQ(json("a\"b\\c\n\t\x01é"), R"("a\"b\\c\n\t\u0001é")");
  EXPECT_EQ(json(std::string_view("\0", 1)), R"("\u0000")");
  EXPECT_EQ(json(""), R"("")");
}

}  // namespace
}  // namespace millrace
