#include "pipeline/dead_letter.h"

#include <gtest/gtest.h>
#include <simdjson.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace millrace {
namespace {

Datum text(std::string_view value) {
  return {value.data(), static_cast<uint32_t>(value.size()), DatumKind::kText};
}

class FileDeadLettersTest : public ::testing::Test {
 protected:
  FileDeadLettersTest()
      : path_((std::filesystem::temp_directory_path() / ("dead." + std::to_string(::getpid())))
                  .string()) {
    std::filesystem::remove(path_);
    table_.schema = "public";
    table_.name = "t";
    for (const char* column : {"id", "note", "large", "raw", "gone"}) {
      table_.columns.emplace_back().name = column;
    }
    table_.key = {0};
    change_.op = Op::kUpdate;
    change_.table = &table_;
    change_.lsn = 0x1000;
    change_.position = {0x2000, 3};
    change_.after = {values_, 5, TupleKind::kFull};
  }

  ~FileDeadLettersTest() override { std::filesystem::remove(path_); }

  FileDeadLetters make(uint64_t max_bytes = 1 << 20) const {
    return FileDeadLetters(
        {.path = path_, .pipeline = "shop", .branch = "mail", .max_bytes = max_bytes});
  }

  std::vector<DeadLetter> read() const {
    std::vector<DeadLetter> out;
    EXPECT_TRUE(read_dead_letters(path_, [&](const DeadLetter& letter) { out.push_back(letter); }));
    return out;
  }

  std::string path_;
  TableSchema table_;
  Datum values_[5] = {text("7"),
                      text("a\"\xff"),
                      {nullptr, 0, DatumKind::kUnchanged},
                      {"\x01\x02", 2, DatumKind::kBinary},
                      {nullptr, 0, DatumKind::kAbsent}};
  Change change_;
};

TEST_F(FileDeadLettersTest, KeepEveryByteOfTheRowAndTheReason) {
  auto letters = make();
  ASSERT_TRUE(letters.add(change_, Error(ErrorKind::kData, "550 no such user", "correct it")));
  ASSERT_TRUE(letters.flush());
  EXPECT_EQ(letters.count(), 1u);
  const auto found = read();
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].reason, "data");
  EXPECT_EQ(found[0].message, "550 no such user");
  EXPECT_EQ(found[0].table, "public.t");
  EXPECT_EQ(found[0].op, "u");
  EXPECT_EQ(found[0].lsn, "0/1000");
  EXPECT_NE(
      found[0].json.find(R"("key":["id"],"before":null,"after":{"id":"7","note":{"base64":"YSL/"},)"
                         R"("large":{"unchanged":true},"raw":{"binary":"AQI="}}})"),
      std::string::npos)
      << found[0].json;
}

TEST_F(FileDeadLettersTest, AreDurableOnlyAfterFlush) {
  auto letters = make();
  ASSERT_TRUE(letters.add(change_, Error(ErrorKind::kData, "x")));
  EXPECT_EQ(letters.count(), 0u);
  EXPECT_TRUE(read().empty());
}

TEST_F(FileDeadLettersTest, AppendToWhatIsThereEvenBehindATornLine) {
  {
    auto letters = make();
    ASSERT_TRUE(letters.add(change_, Error(ErrorKind::kData, "first")));
    ASSERT_TRUE(letters.flush());
  }
  std::ofstream(path_, std::ios::app) << "{\"ts\":\"20";
  auto letters = make();
  ASSERT_TRUE(letters.add(change_, Error(ErrorKind::kData, "second")));
  ASSERT_TRUE(letters.flush());
  const auto found = read();
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[1].message, "second");
}

TEST_F(FileDeadLettersTest, AFloodStopsTheBranch) {
  auto letters = make(600);
  ASSERT_TRUE(letters.add(change_, Error(ErrorKind::kData, "x")));
  ASSERT_TRUE(letters.flush());
  ASSERT_TRUE(letters.add(change_, Error(ErrorKind::kData, "x")));
  auto flushed = letters.flush();
  ASSERT_FALSE(flushed);
  EXPECT_EQ(flushed.error().kind, ErrorKind::kIo);
  EXPECT_EQ(letters.count(), 1u);
  EXPECT_EQ(read().size(), 1u);
}

TEST_F(FileDeadLettersTest, KeepLogicalMessages) {
  Change message;
  message.op = Op::kMessage;
  message.prefix = "p";
  message.content = "\xff";
  auto letters = make();
  ASSERT_TRUE(letters.add(message, Error(ErrorKind::kData, "x")));
  ASSERT_TRUE(letters.flush());
  EXPECT_NE(read().at(0).json.find(R"("prefix":"p","content":{"base64":"/w=="})"),
            std::string::npos);
}

}  // namespace
}  // namespace millrace
