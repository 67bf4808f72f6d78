#include "source/postgres/copy_binary.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace millrace {
namespace {

using std::string_literals::operator""s;

const std::string kHeader = "PGCOPY\n\377\r\n\0"s + "\0\0\0\0"s + "\0\0\0\0"s;
// (1, 'ab', null)
const std::string kRow = "\0\3"s + "\0\0\0\4\0\0\0\1"s + "\0\0\0\2ab"s + "\xff\xff\xff\xff"s;
const std::string kTrailer = "\xff\xff"s;

binary::Render renderer(PgType type) {
  ColumnType of;
  of.type = type;
  return binary::renderer_of(of, 150000);
}

// The fields of an int4 and so many texts; what is null reads "\N".
std::optional<std::vector<std::string>> read(std::string_view row, size_t columns) {
  Arena arena(nullptr);
  CopyBinaryReader reader(row, arena);
  std::vector<std::string> out;
  for (size_t i = 0; i < columns; ++i) {
    const Datum value = reader.field(renderer(i == 0 ? PgType::kInt4 : PgType::kText));
    out.emplace_back(value.is_null() ? "\\N" : value.view());
  }
  if (!reader.complete()) return std::nullopt;
  return out;
}

TEST(CopyBinary, AValueIsTheTextThatTheServerWouldHaveSent) {
  EXPECT_EQ(read(kRow, 3), (std::vector<std::string>{"1", "ab", "\\N"}));
}

TEST(CopyBinary, TheHeaderStandsBeforeTheFirstRow) {
  EXPECT_EQ(CopyBinaryReader::row_in(kHeader + kRow), kRow);
  EXPECT_EQ(CopyBinaryReader::row_in(kRow), kRow);
}

TEST(CopyBinary, AHeaderMayBeLongerThanIsKnown) {
  std::string header = kHeader;
  header.back() = 3;
  EXPECT_EQ(CopyBinaryReader::row_in(header + "abc" + kRow), kRow);
}

TEST(CopyBinary, TheTrailerIsNoRow) {
  EXPECT_EQ(CopyBinaryReader::row_in(kTrailer), std::nullopt);
  EXPECT_EQ(CopyBinaryReader::row_in(kHeader + kTrailer), std::nullopt);
}

TEST(CopyBinary, ARowThatIsNotWhatWasAskedForIsNotComplete) {
  EXPECT_EQ(read(kRow, 2), std::nullopt) << "a field more";
  EXPECT_EQ(read(kRow, 4), std::nullopt) << "a field less";
  EXPECT_EQ(read(kRow + "x", 3), std::nullopt);
  EXPECT_EQ(read(kTrailer, 1), std::nullopt);
  EXPECT_EQ(read("", 1), std::nullopt);
  for (size_t size = 0; size < kRow.size(); ++size)
    EXPECT_EQ(read(kRow.substr(0, size), 3), std::nullopt) << size;
}

TEST(CopyBinary, ALengthBelowNullIsAFault) {
  EXPECT_EQ(read("\0\1"s + "\xff\xff\xff\xfe"s, 1), std::nullopt);
}

TEST(CopyBinary, AValueThatIsNoneOfItsTypeIsAFault) {
  EXPECT_EQ(read("\0\1"s + "\0\0\0\3\0\0\1"s, 1), std::nullopt);
}

}  // namespace
}  // namespace millrace
