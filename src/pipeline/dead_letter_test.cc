#include "pipeline/dead_letter.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "pipeline/dead_letter_text.h"

namespace millrace {
namespace {

Datum text(std::string_view value) {
  return {value.data(), static_cast<uint32_t>(value.size()), DatumKind::kText};
}

// Letters of a table t(id primary key, note, large, raw, gone).
class FileDeadLettersTest : public ::testing::Test {
 protected:
  FileDeadLettersTest()
      : path_((std::filesystem::temp_directory_path() / ("dead." + std::to_string(::getpid())))
                  .string()) {
    std::filesystem::remove(path_);
    auto table = std::make_shared<TableSchema>();
    table->schema = "public";
    table->name = "t";
    for (const char* column : {"id", "note", "large", "raw", "gone"}) {
      table->columns.emplace_back().name = column;
    }
    table->columns[1].type = {.type = PgType::kEnum, .name = "mood", .labels = {"sad", "ok"}};
    table->columns[1].default_expression = "'ok'::mood";
    table->key = {0};
    table_ = table;
  }

  ~FileDeadLettersTest() override { std::filesystem::remove(path_); }

  // A view of a batch with one update for each id; the commit LSNs go on.
  BatchView update(const std::vector<std::string_view>& ids) {
    auto batch = std::make_shared<Batch>(nullptr);
    batch->schemas.push_back(table_);
    for (const std::string_view id : ids) {
      Datum* values = batch->arena.allocate_array<Datum>(5);
      values[0] = text(id);
      values[1] = text("a\"\xff");
      values[2] = {nullptr, 0, DatumKind::kUnchanged};
      values[3] = text("\x01\x02");
      values[4] = {nullptr, 0, DatumKind::kAbsent};
      Change change;
      change.op = Op::kUpdate;
      change.table = table_.get();
      change.lsn = lsn_ - 0x100;
      change.position = {lsn_, 3};
      change.after = {values, 5, TupleKind::kFull};
      batch->changes.push_back(change);
      batch->offset.position = {lsn_, ~uint64_t{0}};
      lsn_ += 0x1000;
    }
    return BatchView{batch, batch->changes, {}, {}};
  }

  DeadLetterOptions options() const {
    return {.path = path_, .pipeline = "shop", .branch = "mail", .latest_wins = true};
  }

  // All changes of the view are refused and durable.
  static void refuse(FileDeadLetters& letters, const BatchView& view, const char* why = "x") {
    for (const Change& change : view.changes)
      ASSERT_TRUE(letters.add(change, Error(ErrorKind::kData, why)));
    ASSERT_TRUE(letters.flush());
  }

  static Result<void> made_durable(FileDeadLetters& letters, const BatchView& view) {
    return letters.durable(view, view.changes.size());
  }

  std::vector<std::string> lines() const {
    std::vector<std::string> out;
    EXPECT_TRUE(for_each_letter(path_, [&](uint64_t, const std::string& line) -> Result<void> {
      out.push_back(line);
      return {};
    }));
    return out;
  }

  LetterMarks marks() const {
    auto read = read_letter_marks(path_);
    EXPECT_TRUE(read);
    return *read;
  }

  static Progress passed(Lsn lsn = 0xffffff) {
    Offset offset;
    offset.position = {lsn, 0};
    return {{std::string(kSlotStream), offset}};
  }

  std::string path_;
  SchemaPtr table_;
  Lsn lsn_ = 0x2000;
};

TEST_F(FileDeadLettersTest, KeepEveryByteOfTheRowAndTheReason) {
  FileDeadLetters letters(options());
  refuse(letters, update({"7"}), "550 no such user");
  EXPECT_EQ(letters.open(), 1U);
  const auto found = lines();
  ASSERT_EQ(found.size(), 1U);
  for (const char* part :
       {R"("message":"550 no such user")", R"("table":"public.t")", R"("lsn":"0/1F00")",
        R"("key":{"id":"7"},"before":null,"after":{"id":"7","note":{"base64":"YSL/"},)"
        R"("large":{"unchanged":true},"raw":"\u0001\u0002"})"}) {
    EXPECT_NE(found[0].find(part), std::string::npos) << part << "\n" << found[0];
  }
  struct stat file{};
  ASSERT_EQ(::stat(path_.c_str(), &file), 0);
  EXPECT_EQ(file.st_mode & 0777, 0600U);
}

TEST_F(FileDeadLettersTest, AreReadBackAsTheSameChange) {
  const BatchView view = update({"7"});
  FileDeadLetters letters(options());
  refuse(letters, view);
  Batch batch(nullptr);
  bool shaped = false;
  auto change = LetterReader(batch).read(lines().at(0), &shaped);
  ASSERT_TRUE(change) << change.error().text();
  EXPECT_TRUE(shaped);
  EXPECT_EQ(change->position, view.changes[0].position);
  EXPECT_EQ(change->lsn, view.changes[0].lsn);
  ASSERT_EQ(change->after.count, 5);
  for (size_t i = 0; i < 5; ++i) {
    EXPECT_EQ(change->after[i].kind, view.changes[0].after[i].kind) << i;
    EXPECT_EQ(change->after[i].view(), view.changes[0].after[i].view()) << i;
  }
  EXPECT_FALSE(change->before);
  EXPECT_EQ(change->table->columns, table_->columns);
  EXPECT_EQ(change->table->key, table_->key);
}

TEST_F(FileDeadLettersTest, AreDurableOnlyAfterFlush) {
  const BatchView view = update({"7"});
  FileDeadLetters letters(options());
  ASSERT_TRUE(letters.add(view.changes[0], Error(ErrorKind::kData, "x")));
  EXPECT_EQ(letters.open(), 0U);
  EXPECT_TRUE(lines().empty());
}

TEST_F(FileDeadLettersTest, HoldAChangeOnceHoweverOftenItIsRefused) {
  const BatchView view = update({"7", "7"});
  {
    FileDeadLetters letters(options());
    refuse(letters, view);
    refuse(letters, view);
  }
  FileDeadLetters after_a_kill(options());
  refuse(after_a_kill, view);
  EXPECT_EQ(lines().size(), 2U);
}

TEST_F(FileDeadLettersTest, AppendToWhatIsThereEvenBehindATornLine) {
  {
    FileDeadLetters letters(options());
    refuse(letters, update({"1"}), "first");
  }
  std::ofstream(path_, std::ios::app) << "{\"id\":2,\"ts\":\"20";
  FileDeadLetters letters(options());
  refuse(letters, update({"2"}), "second");
  const auto found = lines();
  ASSERT_EQ(found.size(), 2U);
  EXPECT_NE(found[1].find(R"("message":"second")"), std::string::npos);
}

TEST_F(FileDeadLettersTest, AFloodEndsTheBranchAndWhatFitsIsDurable) {
  DeadLetterOptions few = options();
  few.max_count = 2;
  FileDeadLetters letters(few);
  const BatchView view = update({"1", "2", "3"});
  ASSERT_TRUE(letters.add(view.changes[0], Error(ErrorKind::kData, "x")));
  ASSERT_TRUE(letters.add(view.changes[1], Error(ErrorKind::kData, "x")));
  auto third = letters.add(view.changes[2], Error(ErrorKind::kData, "x"));
  ASSERT_FALSE(third);
  EXPECT_EQ(policy(third.error().kind), ErrorPolicy::kFail);
  EXPECT_NE(third.error().text().find("dead.letter.max.count"), std::string::npos);
  EXPECT_EQ(lines().size(), 2U);
}

TEST_F(FileDeadLettersTest, TheLimitInBytesCountsWhatWasThereBefore) {
  {
    FileDeadLetters letters(options());
    refuse(letters, update({"1"}));
  }
  DeadLetterOptions small = options();
  small.max_bytes = std::filesystem::file_size(path_) + 100;
  FileDeadLetters letters(small);
  const BatchView view = update({"2"});
  auto added = letters.add(view.changes[0], Error(ErrorKind::kData, "x"));
  ASSERT_FALSE(added);
  EXPECT_NE(added.error().text().find("dead.letter.max.bytes"), std::string::npos);
}

TEST_F(FileDeadLettersTest, SoManyInARowEndTheBranch) {
  DeadLetterOptions strict = options();
  strict.max_in_a_row = 3;
  FileDeadLetters letters(strict);
  const BatchView two = update({"1", "2"});
  refuse(letters, two);
  EXPECT_TRUE(made_durable(letters, two));
  EXPECT_TRUE(made_durable(letters, update({"3"})));  // taken: counts anew
  const BatchView more = update({"4", "5"});
  refuse(letters, more);
  EXPECT_TRUE(made_durable(letters, more));
  const BatchView last = update({"6"});
  refuse(letters, last);
  auto durable = made_durable(letters, last);
  ASSERT_FALSE(durable);
  EXPECT_EQ(policy(durable.error().kind), ErrorPolicy::kFail);
}

TEST_F(FileDeadLettersTest, NoneAreToleratedOnRequest) {
  DeadLetterOptions none = options();
  none.tolerate = false;
  FileDeadLetters letters(none);
  const BatchView view = update({"1"});
  auto added = letters.add(view.changes[0], Error(ErrorKind::kData, "x"));
  ASSERT_FALSE(added);
  EXPECT_EQ(policy(added.error().kind), ErrorPolicy::kFail);
  EXPECT_TRUE(lines().empty());
}

TEST_F(FileDeadLettersTest, AReplayDeliversWhatIsNotRefusedAgain) {
  FileDeadLetters letters(options());
  refuse(letters, update({"1", "2"}));
  auto replay = letters.begin_replay({1, 2, 9}, passed(), true, false, nullptr);
  ASSERT_TRUE(replay) << replay.error().text();
  ASSERT_EQ(replay->outcomes.size(), 1U);
  EXPECT_EQ(replay->outcomes[0].what, LetterOutcome::What::kUnknown);
  ASSERT_EQ(replay->batch->changes.size(), 2U);
  EXPECT_FALSE(letters.begin_replay({1}, passed(), true, false, nullptr)) << "one at a time";
  BatchView view{replay->batch, replay->batch->changes, {}, {}};
  ASSERT_TRUE(letters.passing(view));
  ASSERT_TRUE(letters.add(view.changes[1], Error(ErrorKind::kData, "still")));
  ASSERT_TRUE(letters.flush());
  ASSERT_TRUE(made_durable(letters, view));
  auto ended = letters.wait_replay(replay->number, steady_now());
  ASSERT_TRUE(ended);
  ASSERT_EQ(ended->size(), 2U);
  EXPECT_EQ((*ended)[0].id, 2U);
  EXPECT_EQ((*ended)[0].what, LetterOutcome::What::kRefused);
  EXPECT_EQ((*ended)[1].what, LetterOutcome::What::kDone);
  EXPECT_EQ(marks().settled, std::set<uint64_t>{1});
  EXPECT_EQ(marks().again.at(2).message, "still");
  EXPECT_EQ(letters.open(), 1U);
}

// By the sql or the converter, which run before the sink is given the rest.
TEST_F(FileDeadLettersTest, WhatIsRefusedBeforeTheSinkStays) {
  FileDeadLetters letters(options());
  for (const Change& change : update({"1", "2"}).changes)
    ASSERT_TRUE(letters.add_unshaped(change, Error(ErrorKind::kData, "NaN")));
  auto replay = letters.begin_replay({1, 2}, passed(), false, false, nullptr);
  ASSERT_TRUE(replay);
  BatchView view{replay->batch, replay->batch->changes, {}, {}};
  ASSERT_TRUE(letters.add_unshaped(view.changes[0], Error(ErrorKind::kData, "NaN again")));
  for (int attempt = 0; attempt < 2; ++attempt)
    ASSERT_TRUE(letters.passing(view));
  ASSERT_TRUE(made_durable(letters, view));
  EXPECT_EQ(letters.open(), 1U);
  const auto outcomes = letters.wait_replay(replay->number, steady_now());
  ASSERT_TRUE(outcomes);
  ASSERT_EQ(outcomes->size(), 2U);
  EXPECT_EQ((*outcomes)[0].what, LetterOutcome::What::kRefused);
  EXPECT_EQ((*outcomes)[0].message, "NaN again");
}

TEST_F(FileDeadLettersTest, AReplayThatAKillEndedIsDoneWhenTheSinkHasStoredIt) {
  {
    FileDeadLetters letters(options());
    refuse(letters, update({"1", "2"}));
    auto replay = letters.begin_replay({1}, passed(), true, false, nullptr);
    ASSERT_TRUE(replay);
    EXPECT_EQ(replay->batch->offset.position.commit_lsn, kReplayBase + 1);
  }
  {
    FileDeadLetters not_stored(options());
    ASSERT_TRUE(not_stored.sink_opened(passed()));
    ASSERT_TRUE(not_stored.drop({}));
    EXPECT_EQ(not_stored.open(), 2U);
  }
  Progress stored = passed();
  stored[std::string(kReplayStream)].position = {kReplayBase + 1, 0};
  FileDeadLetters letters(options());
  ASSERT_TRUE(letters.sink_opened(stored));
  EXPECT_EQ(letters.open(), 1U);
  EXPECT_EQ(marks().settled, std::set<uint64_t>{1});
}

TEST_F(FileDeadLettersTest, ALetterThatTheBranchHasNotPassedWaits) {
  FileDeadLetters letters(options());
  refuse(letters, update({"1"}));
  const Progress before = passed(0x1fff);
  for (const Progress& progress : {before, Progress{}}) {
    auto replay = letters.begin_replay({1}, progress, true, false, nullptr);
    ASSERT_TRUE(replay);
    EXPECT_EQ(replay->number, 0U);
    EXPECT_EQ(replay->outcomes.at(0).what, LetterOutcome::What::kNotPassed);
  }
}

TEST_F(FileDeadLettersTest, ALaterChangeOfTheRowSupersedesIt) {
  {
    FileDeadLetters letters(options());
    refuse(letters, update({"1", "2"}));
    BatchView later = update({"2"});
    ASSERT_TRUE(letters.passing(later));
  }
  EXPECT_EQ(marks().superseded.size(), 1U);
  FileDeadLetters after_a_kill(options());
  auto replay = after_a_kill.begin_replay({1, 2}, passed(), true, false, nullptr);
  ASSERT_TRUE(replay);
  EXPECT_EQ(replay->batch->changes.size(), 1U);
  ASSERT_EQ(replay->outcomes.size(), 1U);
  EXPECT_EQ(replay->outcomes[0].id, 2U);
  EXPECT_EQ(replay->outcomes[0].what, LetterOutcome::What::kSuperseded);
}

TEST_F(FileDeadLettersTest, ALaterChangeThatTheSinkHasAlreadySupersedesIt) {
  FileDeadLetters letters(options());
  const BatchView refused = update({"1"});
  const BatchView later = update({"1"});
  letters.set_in_flight([&](const FileDeadLetters::VisitView& visit) {
    visit(refused);
    visit(later);
  });
  refuse(letters, refused);
  EXPECT_EQ(marks().superseded.size(), 1U);
}

TEST_F(FileDeadLettersTest, WhatIsSupersededBeforeTheSinkHasTheReplayIsTakenOut) {
  FileDeadLetters letters(options());
  refuse(letters, update({"1", "2"}));
  auto replay = letters.begin_replay({1, 2}, passed(), true, false, nullptr);
  ASSERT_TRUE(replay);
  BatchView later = update({"1"});
  ASSERT_TRUE(letters.passing(later));
  BatchView view{replay->batch, replay->batch->changes, {}, {}};
  ASSERT_TRUE(letters.passing(view));
  ASSERT_EQ(view.changes.size(), 1U);
  EXPECT_EQ(view.changes[0].after[0].view(), "2");
  ASSERT_TRUE(made_durable(letters, view));
  EXPECT_EQ(letters.open(), 1U);
  EXPECT_EQ(marks().settled, std::set<uint64_t>{2});
}

TEST_F(FileDeadLettersTest, WhatIsDroppedStaysDropped) {
  const BatchView view = update({"1"});
  FileDeadLetters letters(options());
  refuse(letters, view);
  auto dropped = letters.drop({1, 5});
  ASSERT_TRUE(dropped);
  EXPECT_EQ(dropped->at(0).what, LetterOutcome::What::kDone);
  EXPECT_EQ(dropped->at(1).what, LetterOutcome::What::kUnknown);
  refuse(letters, view);
  EXPECT_EQ(letters.open(), 0U);
}

TEST_F(FileDeadLettersTest, SettledLettersLeaveTheFileAndNumbersDoNotComeTwice) {
  FileDeadLetters letters(options());
  const std::string long_reason(50000, 'r');
  refuse(letters, update({"1", "2", "3"}), long_reason.c_str());
  ASSERT_TRUE(letters.drop({1, 3}));
  EXPECT_LT(std::filesystem::file_size(path_), 60000U);
  EXPECT_EQ(lines().size(), 1U);
  refuse(letters, update({"4"}));
  EXPECT_EQ(marks().next_id, 5U);
}

TEST_F(FileDeadLettersTest, KeepLogicalMessages) {
  Change message;
  message.op = Op::kMessage;
  message.prefix = "p";
  message.content = "\xff";
  FileDeadLetters letters(options());
  ASSERT_TRUE(letters.add(message, Error(ErrorKind::kData, "x")));
  ASSERT_TRUE(letters.flush());
  Batch batch(nullptr);
  bool shaped = false;
  auto back = LetterReader(batch).read(lines().at(0), &shaped);
  ASSERT_TRUE(back);
  EXPECT_EQ(back->prefix, "p");
  EXPECT_EQ(back->content, "\xff");
}

}  // namespace
}  // namespace millrace
