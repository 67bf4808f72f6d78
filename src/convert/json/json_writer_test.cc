#include "convert/json/json_writer.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

namespace millrace {
namespace {

// The text stands alone in its memory, so that a byte read beyond it shows.
std::string json(const std::string& text) {
  const auto alone = std::make_unique<char[]>(text.size());
  text.copy(alone.get(), text.size());
  Arena arena(nullptr);
  JsonWriter writer(arena);
  writer.begin(0);
  writer.string({alone.get(), text.size()});
  return std::string(writer.end());
}

// In each step of the copying, and where its steps meet.
TEST(JsonWriterTest, ABytesPlaceDoesNotMatter) {
  const std::string letters = "abcdefghijklmnopqrstuvwxyz ~!#0123456789[]^\x7f ABCDEFGHIJKLMNOP";
  const std::pair<const char*, const char*> odd[] = {{"\"", "\\\""}, {"\\", "\\\\"},
                                                     {"\n", "\\n"},  {"\x1f", "\\u001F"},
                                                     {"ü", "ü"},     {"𝄞", "\\uD834\\uDD1E"}};
  for (size_t length = 0; length <= letters.size(); ++length) {
    const std::string plain = letters.substr(0, length);
    EXPECT_EQ(json(plain), '"' + plain + '"');
    for (size_t at = 0; at < length; ++at) {
      for (const auto& [text, escaped] : odd) {
        const std::string head = letters.substr(0, at);
        const std::string tail = letters.substr(at, length - at);
        EXPECT_EQ(json(head + text + tail), '"' + head + escaped + tail + '"');
        EXPECT_EQ(json(head + text + text + tail), '"' + head + escaped + escaped + tail + '"');
      }
    }
  }
  EXPECT_EQ(json(std::string("a\0b", 3)), R"("a\u0000b")");
}

TEST(JsonWriterTest, APieceMovesToALargerRoom) {
  const std::string large(3000, 'x');
  Arena arena(nullptr);
  JsonWriter writer(arena);
  writer.begin(0);
  for (int i = 0; i < 3; ++i)
    writer.string(large);
  const std::string quoted = '"' + large + '"';
  EXPECT_EQ(writer.end(), quoted + quoted + quoted);
}

}  // namespace
}  // namespace millrace
