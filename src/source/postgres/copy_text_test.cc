#include "source/postgres/copy_text.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

namespace millrace {
namespace {

using Fields = std::vector<std::optional<std::string>>;

std::optional<Fields> read(std::string_view row, size_t columns) {
  Arena arena(nullptr);
  CopyTextReader reader(row, arena);
  Fields out;
  for (size_t i = 0; i < columns; ++i) {
    const Datum value = reader.field();
    if (value.is_null()) {
      out.emplace_back(std::nullopt);
    } else {
      EXPECT_EQ(value.kind, DatumKind::kText);
      out.emplace_back(std::string(value.view()));
    }
  }
  if (!reader.complete()) return std::nullopt;
  return out;
}

TEST(CopyText, PlainFieldsAreSplitAtTabs) {
  EXPECT_EQ(read("1\tabc\t\n", 3), (Fields{"1", "abc", ""}));
}

TEST(CopyText, TheNewlineAtTheEndMayBeMissing) {
  EXPECT_EQ(read("1\t2", 2), (Fields{"1", "2"}));
}

TEST(CopyText, OnlyAWholeFieldIsNull) {
  EXPECT_EQ(read("\\N\t\\Nx\tx\\N\t\\N\n", 4), (Fields{std::nullopt, "Nx", "xN", std::nullopt}));
}

TEST(CopyText, AnEscapedBackslashBeforeNIsNoNull) {
  EXPECT_EQ(read("\\\\N\n", 1), (Fields{"\\N"}));
}

TEST(CopyText, AnEmptyRowIsOneEmptyField) {
  EXPECT_EQ(read("\n", 1), (Fields{""}));
}

TEST(CopyText, ControlCharactersAreUnescaped) {
  EXPECT_EQ(read("\\b\\f\\n\\r\\t\\v\\\\\t.\n", 2), (Fields{"\b\f\n\r\t\v\\", "."}));
}

TEST(CopyText, OctalTakesUpToThreeDigits) {
  EXPECT_EQ(read("\\101\\61\\7x\\1018\n", 1), (Fields{"A1\ax"
                                                      "A8"}));
}

TEST(CopyText, HexTakesUpToTwoDigits) {
  EXPECT_EQ(read("\\x41\\x4g\\x414\n", 1), (Fields{"A\x04gA4"}));
}

TEST(CopyText, HexWithoutDigitsIsTheLetter) {
  EXPECT_EQ(read("\\xyz\n", 1), (Fields{"xyz"}));
}

TEST(CopyText, AnyOtherEscapedByteIsItself) {
  EXPECT_EQ(read("\\.\\a\\\t\tb\n", 2), (Fields{".a\t", "b"}));
}

TEST(CopyText, BytesAboveAsciiPass) {
  EXPECT_EQ(read("zäh\\\\ß\t日本\n", 2), (Fields{"zäh\\ß", "日本"}));
}

TEST(CopyText, AZeroByteByOctalStays) {
  EXPECT_EQ(read("a\\000b\n", 1), (Fields{std::string("a\0b", 3)}));
}

TEST(CopyText, TooFewFieldsAreAnError) {
  EXPECT_EQ(read("1\t2\n", 3), std::nullopt);
}

TEST(CopyText, TooManyFieldsAreAnError) {
  EXPECT_EQ(read("1\t2\t3\n", 2), std::nullopt);
}

TEST(CopyText, ABackslashAtTheEndIsAnError) {
  EXPECT_EQ(read("1\tab\\", 2), std::nullopt);
}

TEST(CopyText, AfterAFaultAllFieldsAreNull) {
  Arena arena(nullptr);
  CopyTextReader reader("a\\", arena);
  EXPECT_TRUE(reader.field().is_null());
  EXPECT_TRUE(reader.field().is_null());
  EXPECT_FALSE(reader.ok());
}

TEST(CopyText, ValuesOutliveTheMessage) {
  Arena arena(nullptr);
  std::string row = "one\ttw\\x6f\n";
  CopyTextReader reader(row, arena);
  const Datum one = reader.field();
  const Datum two = reader.field();
  row.assign(row.size(), '#');
  EXPECT_EQ(one.view(), "one");
  EXPECT_EQ(two.view(), "two");
}

}  // namespace
}  // namespace millrace
