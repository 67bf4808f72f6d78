#include "sink/email/mail_ledger.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>

namespace millrace {
namespace {

class MailLedgerTest : public ::testing::Test {
 protected:
  MailLedgerTest()
      : path_((std::filesystem::temp_directory_path() / ("ledger." + std::to_string(::getpid())))
                  .string()) {
    std::filesystem::remove(path_);
  }

  ~MailLedgerTest() override { std::filesystem::remove(path_); }

  MailLedger open(const std::string& boot = "boot-1", uint64_t rewrite_bytes = 1 << 20) const {
    auto ledger =
        MailLedger::open({.path = path_, .boot_id = boot, .rewrite_bytes = rewrite_bytes});
    EXPECT_TRUE(ledger) << ledger.error().text();
    return std::move(*ledger);
  }

  static MailId id(uint64_t n) { return {"slot", {n, 1}, "00ff"}; }

  static std::optional<MailState> state(const MailLedger& ledger, uint64_t n) {
    const MailState* found = ledger.find(id(n));
    return found == nullptr ? std::nullopt : std::optional(*found);
  }

  std::string read() const {
    std::ostringstream out;
    out << std::ifstream(path_, std::ios::binary).rdbuf();
    return out.str();
  }

  std::string path_;
};

TEST_F(MailLedgerTest, RemembersIntentsAndEnds) {
  {
    auto ledger = open();
    ASSERT_TRUE(ledger.intend({id(1), id(2), id(3), id(4)}));
    ASSERT_TRUE(ledger.note(id(1), MailState::kStarted));
    ASSERT_TRUE(ledger.note(id(1), MailState::kDelivered));
    ASSERT_TRUE(ledger.note(id(2), MailState::kStarted));
    ASSERT_TRUE(ledger.note(id(3), MailState::kStarted));
    ASSERT_TRUE(ledger.note(id(3), MailState::kWaiting));
  }
  for (int times = 0; times < 2; ++times) {  // the second reads what the first wrote anew
    auto ledger = open();
    EXPECT_EQ(state(ledger, 1), MailState::kDelivered);
    EXPECT_EQ(state(ledger, 2), MailState::kStarted);
    EXPECT_EQ(state(ledger, 3), MailState::kWaiting);
    EXPECT_EQ(state(ledger, 4), MailState::kIntended);
    EXPECT_EQ(ledger.find(id(5)), nullptr);
    EXPECT_EQ(ledger.open_count(), 3u);
  }
}

TEST_F(MailLedgerTest, AfterABootEveryIntentWithoutAnEndIsInDoubt) {
  {
    auto ledger = open("boot-1");
    ASSERT_TRUE(ledger.intend({id(1), id(2), id(3)}));
    ASSERT_TRUE(ledger.note(id(2), MailState::kRefused));
    ASSERT_TRUE(ledger.note(id(3), MailState::kWaiting));
  }
  auto ledger = open("boot-2");
  EXPECT_EQ(state(ledger, 1), MailState::kStarted);
  EXPECT_EQ(state(ledger, 2), MailState::kRefused);
  EXPECT_EQ(state(ledger, 3), MailState::kStarted);
}

TEST_F(MailLedgerTest, ProgressOverManyTablesOutlivesRestarts) {
  Offset offset;
  offset.position = {7, 3};
  offset.message_type = "INSERT";
  offset.tables = TableSet({16386, 16411});
  {
    auto ledger = open();
    ASSERT_TRUE(ledger.advance("slot", offset));
  }
  for (int times = 0; times < 3; ++times) {  // from the second on, what was written anew is read
    auto ledger = open();
    ASSERT_TRUE(ledger.progress().contains("slot"));
    EXPECT_EQ(ledger.progress().at("slot"), offset);
  }
  auto ledger = open();
  offset.position = {8, 1};
  Offset of_stream = offset;  // a batch of the stream says nothing of tables
  of_stream.tables = {};
  ASSERT_TRUE(ledger.advance("slot", of_stream));
  EXPECT_EQ(ledger.progress().at("slot"), offset);
}

TEST_F(MailLedgerTest, TornLastLineIsLeftOut) {
  {
    auto ledger = open();
    ASSERT_TRUE(ledger.intend({id(1), id(2)}));
    ASSERT_TRUE(ledger.note(id(1), MailState::kDelivered));
  }
  const std::string whole = read();
  for (size_t cut = 1; cut <= 27; ++cut) {
    std::ofstream(path_, std::ios::binary) << whole.substr(0, whole.size() - cut);
    auto ledger = open();
    // Without its newline the line is whole, and its sum says so.
    EXPECT_EQ(state(ledger, 1), cut == 1 ? MailState::kDelivered : MailState::kIntended) << cut;
    EXPECT_EQ(state(ledger, 2), MailState::kIntended);
    ledger = {};
    EXPECT_EQ(open().open_count(), cut == 1 ? 1u : 2u) << cut;
  }
}

TEST_F(MailLedgerTest, LineWithAWrongSumIsLeftOutAndTheOthersStay) {
  {
    auto ledger = open();
    ASSERT_TRUE(ledger.intend({id(1), id(2)}));
    ASSERT_TRUE(ledger.note(id(1), MailState::kDelivered));
    ASSERT_TRUE(ledger.note(id(2), MailState::kDelivered));
  }
  std::string text = read();
  const size_t at = text.find(" D 0/1 ");
  ASSERT_NE(at, std::string::npos);
  text[at + 3] = '7';
  std::ofstream(path_, std::ios::binary) << text;
  auto ledger = open();
  EXPECT_EQ(state(ledger, 1), MailState::kIntended);
  EXPECT_EQ(state(ledger, 2), MailState::kDelivered);
}

TEST_F(MailLedgerTest, BlockOfZerosInTheTailIsLeftOut) {
  {
    auto ledger = open();
    ASSERT_TRUE(ledger.intend({id(1)}));
  }
  std::ofstream(path_, std::ios::binary | std::ios::app) << std::string(4096, '\0');
  EXPECT_EQ(state(open(), 1), MailState::kIntended);
}

TEST_F(MailLedgerTest, ProgressIsKeptAndForgetsWhatItCovers) {
  Offset offset;
  offset.position = {2, 1};
  offset.message_type = "UPDATE";
  {
    auto ledger = open();
    EXPECT_TRUE(ledger.progress().empty());
    ASSERT_TRUE(ledger.intend({id(1), id(2), id(3), MailId{"snapshot", {1, 1}, "00ff"}}));
    ASSERT_TRUE(ledger.advance("slot", offset));
    EXPECT_EQ(ledger.find(id(1)), nullptr);
    EXPECT_EQ(ledger.find(id(2)), nullptr);
    ASSERT_TRUE(ledger.sync());
  }
  auto ledger = open();
  EXPECT_EQ(ledger.progress().at("slot"), offset);
  EXPECT_EQ(ledger.find(id(2)), nullptr);
  EXPECT_EQ(state(ledger, 3), MailState::kIntended);
  EXPECT_EQ(ledger.open_count(), 2u);
}

TEST_F(MailLedgerTest, ProgressBehindASnapshotSurvivesEveryOpening) {
  Offset snapshot;
  snapshot.position = {100, 7};
  snapshot.lsn = 100;
  snapshot.snapshot = SnapshotPhase::kCompleted;
  Offset slot;
  slot.position = {900, 3};
  slot.lsn = 890;
  slot.lsn_commit = 850;
  {
    auto ledger = open();
    ASSERT_TRUE(ledger.advance("snapshot", snapshot));
    ASSERT_TRUE(ledger.advance("slot", slot));
  }
  for (int times = 0; times < 3; ++times) {  // each rewrites what it read
    const auto ledger = open();
    ASSERT_EQ(ledger.progress().count("slot"), 1U);
    EXPECT_EQ(ledger.progress().find("slot")->second.position, slot.position);
    EXPECT_EQ(ledger.progress().find("slot")->second.lsn_commit, 850U);
  }
}

TEST_F(MailLedgerTest, StaysSmall) {
  auto ledger = open("boot-1", 10000);
  for (uint64_t n = 1; n < 1000; ++n) {
    ASSERT_TRUE(ledger.intend({id(n)}));
    ASSERT_TRUE(ledger.note(id(n), MailState::kDelivered));
    Offset offset;
    offset.position = {n, 1};
    ASSERT_TRUE(ledger.advance("slot", offset));
    ASSERT_TRUE(ledger.sync());
  }
  EXPECT_LT(std::filesystem::file_size(path_), 12000u);
  EXPECT_EQ(ledger.progress().at("slot").position.commit_lsn, 999u);
}

TEST_F(MailLedgerTest, OtherFilesAndNewerLedgersAreRefused) {
  std::ofstream(path_) << "hello\n";
  auto other = MailLedger::open({.path = path_, .boot_id = "b"});
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().kind, ErrorKind::kIo);
  EXPECT_EQ(read(), "hello\n");
}

TEST_F(MailLedgerTest, TwoWritersAreRefused) {
  auto ledger = open();
  auto second = MailLedger::open({.path = path_, .boot_id = "b"});
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().kind, ErrorKind::kIo);
}

}  // namespace
}  // namespace millrace
