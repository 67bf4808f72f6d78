#include "pipeline/replay.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <thread>

#include "tests/support/scripted_sink.h"

namespace millrace {
namespace {

// A branch with one dead letter.
class ReplayTest : public ::testing::Test {
 protected:
  ReplayTest()
      : path_((std::filesystem::temp_directory_path() / ("replay." + std::to_string(::getpid())))
                  .string()) {
    std::filesystem::remove(path_);
    auto table = std::make_shared<TableSchema>();
    table->schema = "public";
    table->name = "t";
    BranchParts parts;
    parts.sink = std::make_unique<ScriptedSink>(script_);
    parts.dead_letters = std::make_unique<FileDeadLetters>(
        DeadLetterOptions{.path = path_, .pipeline = "shop", .branch = "mail"});
    Change change;
    change.op = Op::kCreate;
    change.table = table.get();
    change.position = {10, 1};
    EXPECT_TRUE(parts.dead_letters->add(change, Error(ErrorKind::kData, "refused")));
    EXPECT_TRUE(parts.dead_letters->flush());
    branch_ = std::make_unique<Branch>(
        BranchOptions{.name = "mail", .retry_min = Millis(1), .retry_max = Millis(5)},
        std::move(parts));
    Offset offset;
    offset.position = {20, 0};
    branch_->begin_after({{std::string(kSlotStream), offset}});
    branch_->start();
    while (branch_->state() != BranchState::kRunning)
      std::this_thread::sleep_for(Millis(1));
  }

  ~ReplayTest() override { std::filesystem::remove(path_); }

  Result<std::vector<LetterOutcome>> replay(const HandOverReplay& hand_over) {
    return replay_letters(*branch_, {.ids = {1}}, hand_over, nullptr, steady_now() + Millis(10000));
  }

  const std::string path_;
  SinkScript script_;
  std::unique_ptr<Branch> branch_;
};

TEST_F(ReplayTest, EndsWithItsBranch) {
  const auto begun = steady_now();
  const auto outcomes = replay([&](const std::shared_ptr<Batch>&) { branch_->stop(); });
  ASSERT_FALSE(outcomes);
  EXPECT_EQ(outcomes.error().kind, ErrorKind::kUnreachable);
  EXPECT_LT(steady_now() - begun, Millis(5000));
}

TEST_F(ReplayTest, EndsWithABranchWhoseSinkIsAway) {
  script_.hold = true;
  const auto begun = steady_now();
  const auto outcomes = replay([&](const std::shared_ptr<Batch>& batch) {
    batch->seq = 1;
    branch_->offer(batch, false);
    script_.fail_polls = 1'000'000;
    while (branch_->state() != BranchState::kWaiting)
      std::this_thread::sleep_for(Millis(1));
    branch_->stop();
  });
  ASSERT_FALSE(outcomes);
  EXPECT_EQ(outcomes.error().kind, ErrorKind::kUnreachable);
  EXPECT_LT(steady_now() - begun, Millis(5000));
}

}  // namespace
}  // namespace millrace
