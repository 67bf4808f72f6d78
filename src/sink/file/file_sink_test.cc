#include "sink/file/file_sink.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace millrace {
namespace {

class FileSinkTest : public ::testing::Test {
 protected:
  FileSinkTest()
      : folder_(std::filesystem::temp_directory_path() /
                ("file_sink." + std::to_string(::getpid()))) {
    std::filesystem::create_directories(folder_);
    config_.path = (folder_ / "out.jsonl").string();
    config_.flush_ms = 1;
  }

  ~FileSinkTest() override { std::filesystem::remove_all(folder_); }

  std::unique_ptr<Sink> make() const { return make_file_sink(config_, {}); }

  static BatchView batch(uint64_t seq, std::string_view value) {
    auto made = std::make_shared<Batch>(nullptr);
    made->seq = seq;
    made->offset.position = {seq * 100, 1};
    auto record =
        std::make_shared<Record>(Record{.topic = "t", .key = {}, .value = value, .headers = {}});
    BatchView view;
    view.batch = made;
    view.records = {record.get(), 1};
    view.keep.push_back(record);
    return view;
  }

  static std::string line(std::string_view value) {
    return "{\"topic\":\"t\",\"key\":null,\"value\":" + std::string(value) + ",\"headers\":[]}\n";
  }

  static std::string read(const std::string& path) {
    std::ostringstream out;
    out << std::ifstream(path, std::ios::binary).rdbuf();
    return out.str();
  }

  static uint64_t commit(Sink& sink) {
    auto drained = sink.drain(steady_now() + Millis(1000));
    EXPECT_TRUE(drained) << drained.error().text();
    return drained ? drained->durable_seq : 0;
  }

  std::filesystem::path folder_;
  FileSinkConfig config_;
};

TEST_F(FileSinkTest, WritesLinesAndGivesTheirProgressBack) {
  auto sink = make();
  auto first = sink->open();
  ASSERT_TRUE(first) << first.error().text();
  ASSERT_TRUE(*first);
  EXPECT_TRUE((*first)->empty());
  ASSERT_TRUE(sink->write(batch(1, "1")));
  ASSERT_TRUE(sink->write(batch(2, "2")));
  EXPECT_EQ(commit(*sink), 2u);
  EXPECT_EQ(read(config_.path), line("1") + line("2"));
  sink.reset();
  auto again = make()->open();
  ASSERT_TRUE(again && *again);
  EXPECT_EQ((**again).at("slot").position, (Position{200, 1}));
}

TEST_F(FileSinkTest, PollCommitsOnceTheFlushIntervalIsOver) {
  config_.flush_ms = 30;
  auto sink = make();
  ASSERT_TRUE(sink->open());
  ASSERT_TRUE(sink->write(batch(1, "1")));
  ASSERT_EQ(sink->poll(steady_now() + Millis(500))->durable_seq, 1u);
  ASSERT_TRUE(sink->write(batch(2, "2")));
  EXPECT_EQ(sink->poll(steady_now())->durable_seq, 1u);
  EXPECT_EQ(sink->poll(steady_now() + Millis(500))->durable_seq, 2u);
}

TEST_F(FileSinkTest, KilledBetweenDataAndProgressDoublesNothing) {
  {
    auto sink = make();
    ASSERT_TRUE(sink->open());
    ASSERT_TRUE(sink->write(batch(1, "1")));
    commit(*sink);
    const std::string old_progress = read(config_.path + ".progress");
    ASSERT_TRUE(sink->write(batch(2, "2")));
    commit(*sink);
    // What a kill before the rename of the progress leaves behind.
    std::ofstream(config_.path + ".progress") << old_progress;
  }
  auto sink = make();
  auto opened = sink->open();
  ASSERT_TRUE(opened && *opened);
  EXPECT_EQ((**opened).at("slot").position, (Position{100, 1}));
  EXPECT_EQ(read(config_.path), line("1"));
  ASSERT_TRUE(sink->write(batch(2, "2")));
  commit(*sink);
  EXPECT_EQ(read(config_.path), line("1") + line("2"));
}

TEST_F(FileSinkTest, CutsATornTail) {
  {
    auto sink = make();
    ASSERT_TRUE(sink->open());
    ASSERT_TRUE(sink->write(batch(1, "1")));
    commit(*sink);
  }
  std::ofstream(config_.path, std::ios::app) << "{\"topic\":\"t\",\"ke";
  ASSERT_TRUE(make()->open());
  EXPECT_EQ(read(config_.path), line("1"));
}

TEST_F(FileSinkTest, ShorterThanCommittedIsAGap) {
  {
    auto sink = make();
    ASSERT_TRUE(sink->open());
    ASSERT_TRUE(sink->write(batch(1, "1")));
    commit(*sink);
  }
  std::filesystem::resize_file(config_.path, 3);
  auto opened = make()->open();
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().kind, ErrorKind::kGap);
  EXPECT_EQ(check_file_sink(config_).size(), 1u);
}

TEST_F(FileSinkTest, NeverTouchesAFileThatIsNotItsOwn) {
  std::ofstream(config_.path) << "precious\n";
  auto opened = make()->open();
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().kind, ErrorKind::kIo);
  EXPECT_EQ(read(config_.path), "precious\n");
}

TEST_F(FileSinkTest, UnreadableProgressIsAnError) {
  std::ofstream(config_.path + ".progress") << "{\"version\":1,\"len";
  auto opened = make()->open();
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().kind, ErrorKind::kIo);
  std::ofstream(config_.path + ".progress") << R"({"version":2,"length":0,"streams":{}})";
  EXPECT_EQ(make()->open().error().kind, ErrorKind::kVersion);
}

TEST_F(FileSinkTest, WritesBareValues) {
  config_.format = FileFormat::kValue;
  auto sink = make();
  ASSERT_TRUE(sink->open());
  ASSERT_TRUE(sink->write(batch(1, "{\"a\":1}")));
  ASSERT_TRUE(sink->write(batch(2, {})));
  commit(*sink);
  EXPECT_EQ(read(config_.path), "{\"a\":1}\nnull\n");
}

TEST_F(FileSinkTest, ThatVanishedIsAnError) {
  auto sink = make();
  ASSERT_TRUE(sink->open());
  ASSERT_TRUE(sink->write(batch(1, "1")));
  std::filesystem::remove(config_.path);
  auto drained = sink->drain(steady_now());
  ASSERT_FALSE(drained);
  EXPECT_EQ(drained.error().kind, ErrorKind::kIo);
}

// In a child, for the limit cannot be taken back. What was durable before stays so, and the torn
// batch comes again.
TEST_F(FileSinkTest, FullDiskTearsNothingThatWasCommitted) {
  const std::string large(2000, '7');
  const pid_t child = ::fork();
  if (child == 0) {
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{1000, 1000};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    auto sink = make();
    if (!sink->open()) ::_exit(1);
    if (!sink->write(batch(1, "1"))) ::_exit(2);
    auto full = sink->write(batch(2, large));
    if (full || full.error().kind != ErrorKind::kIo || full.error().cure.empty()) ::_exit(3);
    if (sink->write(batch(3, "3"))) ::_exit(4);
    auto drained = sink->drain(steady_now());
    ::_exit(drained && drained->durable_seq == 1 ? 0 : 5);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
  auto sink = make();
  auto opened = sink->open();
  ASSERT_TRUE(opened) << opened.error().text();
  EXPECT_EQ((**opened).at("slot").position, (Position{100, 1}));
  EXPECT_EQ(read(config_.path), line("1"));
}

}  // namespace
}  // namespace millrace
