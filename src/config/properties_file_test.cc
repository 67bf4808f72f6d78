#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/flat_file.h"

namespace millrace {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

std::vector<std::pair<std::string, std::string>> read(std::string_view text) {
  Problems problems;
  std::vector<std::pair<std::string, std::string>> out;
  for (const FlatEntry& entry : read_properties(text, "a.properties", problems).entries) {
    out.emplace_back(entry.key, entry.value);
  }
  EXPECT_THAT(problems, IsEmpty());
  return out;
}

TEST(PropertiesFile, AnyOfThreeSeparatorsEndsTheKey) {
  EXPECT_THAT(read("a=1\nb:2\nc 3\nd = 4\ne : 5\nf\t6\n"),
              ElementsAre(Pair("a", "1"), Pair("b", "2"), Pair("c", "3"), Pair("d", "4"),
                          Pair("e", "5"), Pair("f", "6")));
}

TEST(PropertiesFile, OnlyTheFirstSeparatorCounts) {
  EXPECT_THAT(read("url=jdbc:x?a=b\nk  == v\n"),
              ElementsAre(Pair("url", "jdbc:x?a=b"), Pair("k", "= v")));
}

TEST(PropertiesFile, CommentsAndBlankLinesAreLeftOut) {
  EXPECT_THAT(read("# a\n  ! b = c\n\n   \nd=#e\n# no continuation \\\nf=1"),
              ElementsAre(Pair("d", "#e"), Pair("f", "1")));
}

TEST(PropertiesFile, ABackslashContinuesTheLineWithoutItsIndent) {
  EXPECT_THAT(read("list=a,\\\n     b,\\\r\n  # c\nnext=1"),
              ElementsAre(Pair("list", "a,b,# c"), Pair("next", "1")));
}

TEST(PropertiesFile, TwoBackslashesDoNotContinue) {
  EXPECT_THAT(read("path=c:\\\\\nnext=1"), ElementsAre(Pair("path", "c:\\"), Pair("next", "1")));
}

TEST(PropertiesFile, ALoneBackslashAtTheEndVanishes) {
  EXPECT_THAT(read("a=b\\"), ElementsAre(Pair("a", "b")));
}

TEST(PropertiesFile, EscapesAreRead) {
  EXPECT_THAT(read("a\\ b\\=c=\\ x\\ty\\n\\:\\z"), ElementsAre(Pair("a b=c", " x\ty\n:z")));
}

TEST(PropertiesFile, UnicodeEscapesBecomeUtf8) {
  EXPECT_THAT(read("a=\\u00e9\\u20AC\\ud83d\\ude00\nb=é"),
              ElementsAre(Pair("a", "é€😀"), Pair("b", "é")));
}

TEST(PropertiesFile, TrailingBlanksBelongToTheValue) {
  EXPECT_THAT(read("a=b \n"), ElementsAre(Pair("a", "b ")));
}

TEST(PropertiesFile, AKeyWithoutValueIsEmpty) {
  EXPECT_THAT(read("a\nb=\n=c\n"), ElementsAre(Pair("a", ""), Pair("b", ""), Pair("", "c")));
}

TEST(PropertiesFile, ABadUnicodeEscapeIsToldWithItsLine) {
  for (const char* value : {"\\u12", "\\uZZZZ", "\\ud83d", "\\ud83d\\u0041", "\\ude00"}) {
    Problems problems;
    const std::string text = std::string("ok=1\n\nbad=") + value + "\nafter=2\n";
    const FlatFile flat = read_properties(text, "a.properties", problems);
    ASSERT_EQ(problems.size(), 1U) << value;
    EXPECT_EQ(problems[0].key, "bad");
    EXPECT_EQ(problems[0].origin, "a.properties:3");
    EXPECT_EQ(flat.entries.size(), 2U);
  }
}

TEST(PropertiesFile, LinesAreCountedOverContinuations) {
  Problems problems;
  const FlatFile flat = read_properties("a=1\\\n 2\n\n# x\nb=3\n", "f", problems);
  ASSERT_EQ(flat.entries.size(), 2U);
  EXPECT_EQ(flat.entries[0].line, 1U);
  EXPECT_EQ(flat.entries[1].line, 5U);
}

}  // namespace
}  // namespace millrace
