#include "sink/stdout/stdout_sink.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>

namespace millrace {
namespace {

class StdoutSinkTest : public ::testing::Test {
 protected:
  StdoutSinkTest() {
    std::signal(SIGPIPE, SIG_IGN);
    EXPECT_EQ(::pipe(ends_), 0);
    sink_ = make_stdout_sink({.fd = ends_[1]}, {});
    EXPECT_TRUE(sink_->open());
  }

  ~StdoutSinkTest() override {
    ::close(ends_[0]);
    ::close(ends_[1]);
  }

  void write(uint64_t seq, std::span<const Record> records) {
    auto batch = std::make_shared<Batch>(nullptr);
    batch->seq = seq;
    BatchView view;
    view.batch = batch;
    view.records = records;
    ASSERT_TRUE(sink_->write(std::move(view)));
  }

  std::string read(size_t max) {
    std::string out(max, '\0');
    out.resize(static_cast<size_t>(::read(ends_[0], out.data(), max)));
    return out;
  }

  static SteadyTime soon() { return steady_now() + Millis(20); }

  int ends_[2] = {-1, -1};
  std::unique_ptr<Sink> sink_;
};

TEST_F(StdoutSinkTest, ReportsABatchOnceItsLinesAreWritten) {
  const Record record{.topic = "t", .key = "1", .value = "2", .headers = {}};
  write(7, {&record, 1});
  EXPECT_EQ(sink_->poll(soon())->durable_seq, 7u);
  EXPECT_EQ(read(1000), "{\"topic\":\"t\",\"key\":1,\"value\":2,\"headers\":[]}\n");
}

TEST_F(StdoutSinkTest, DoesNotBlockOnASlowReaderAndLosesNothing) {
  const std::string large(150000, '7');
  const Record record{.topic = "t", .key = "1", .value = large, .headers = {}};
  write(1, {&record, 1});
  EXPECT_EQ(sink_->poll(soon())->durable_seq, 0u);
  std::string got;
  while (sink_->poll(steady_now())->durable_seq == 0)
    got += read(65536);
  ::close(std::exchange(ends_[1], -1));
  for (std::string piece = read(65536); !piece.empty(); piece = read(65536))
    got += piece;
  EXPECT_EQ(got, "{\"topic\":\"t\",\"key\":1,\"value\":" + large + ",\"headers\":[]}\n");
}

TEST_F(StdoutSinkTest, ThatNobodyReadsAnyMoreIsAnError) {
  ::close(std::exchange(ends_[0], -1));
  const Record record{.topic = "t", .key = "1", .value = "2", .headers = {}};
  write(1, {&record, 1});
  auto polled = sink_->poll(soon());
  ASSERT_FALSE(polled);
  EXPECT_EQ(polled.error().kind, ErrorKind::kIo);
}

}  // namespace
}  // namespace millrace
