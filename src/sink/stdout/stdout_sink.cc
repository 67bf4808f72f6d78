#include "sink/stdout/stdout_sink.h"

#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <deque>

#include "base/durable_file.h"
#include "sink/record_line.h"

namespace millrace {

namespace {

constexpr size_t kQueueBytes = 1024 * 1024;
constexpr size_t kFileWriteBytes = 256 * 1024;
// What a pipe that poll() calls writable takes without blocking (POSIX: PIPE_BUF).
constexpr size_t kPipeWriteBytes = 4096;

class StdoutSink final : public Sink {
 public:
  explicit StdoutSink(int fd) : fd_(fd) {}

  Result<std::optional<Progress>> open() override {
    struct stat found{};
    if (::fstat(fd_, &found) != 0) return Failure(io_error("use", "standard output", errno));
    write_bytes_ = S_ISREG(found.st_mode) ? kFileWriteBytes : kPipeWriteBytes;
    keep_begun_line();
    batches_.clear();
    return std::nullopt;
  }

  Result<void> write(BatchView view) override {
    if (queued() >= kQueueBytes) {
      return fail(ErrorKind::kBusy, "standard output is not read fast enough");
    }
    for (const Record& record : view.records)
      append_record_line(text_, record);
    batches_.push_back({view.seq(), text_start_ + text_.size()});
    return {};
  }

  Result<SinkReport> poll(SteadyTime deadline) override {
    while (!batches_.empty()) {
      if (batches_.front().end <= written_) {
        report_.durable_seq = batches_.front().seq;
        batches_.pop_front();
        continue;
      }
      auto progressed = write_some(deadline);
      if (!progressed) return Failure(progressed.error());
      if (!*progressed) break;
    }
    forget_written();
    return report_;
  }

  Result<SinkReport> drain(SteadyTime deadline) override { return poll(deadline); }

  size_t bytes_held() const override { return text_.capacity(); }

 private:
  struct Written {
    uint64_t seq;
    uint64_t end;  // of its lines, counted from the first byte ever handed over
  };

  // What comes again is not glued to a line that has been written in part.
  void keep_begun_line() {
    const size_t gone = written_ - text_start_;
    const size_t end = in_line_ ? text_.find('\n', gone) + 1 : gone;
    text_ = text_.substr(gone, end - gone);
    text_start_ = written_;
  }

  size_t queued() const { return text_start_ + text_.size() - written_; }

  // Moves little: only once the rest is short, or most of the text has been written.
  void forget_written() {
    const size_t gone = written_ - text_start_;
    if (gone == 0 || (queued() > 0 && gone < kQueueBytes)) return;
    text_.erase(0, gone);
    text_start_ = written_;
  }

  // False: the reader of the pipe took nothing before the deadline.
  Result<bool> write_some(SteadyTime deadline) {
    const auto left = std::chrono::ceil<Millis>(deadline - steady_now()).count();
    pollfd ready{fd_, POLLOUT, 0};
    const int n = ::poll(&ready, 1, static_cast<int>(std::clamp<int64_t>(left, 0, 1000)));
    if (n < 0 && errno != EINTR) return Failure(io_error("write to", "standard output", errno));
    if (n <= 0) return steady_now() < deadline;
    const size_t size = std::min(queued(), write_bytes_);
    const ssize_t done = ::write(fd_, text_.data() + (written_ - text_start_), size);
    if (done < 0 && errno == EPIPE) {
      return fail(ErrorKind::kIo, "the reader of standard output has closed it",
                  "keep the program that reads the pipe running");
    }
    if (done < 0 && errno != EINTR && errno != EAGAIN) {
      return Failure(io_error("write to", "standard output", errno));
    }
    if (done <= 0) return true;
    written_ += static_cast<size_t>(done);
    in_line_ = text_[written_ - text_start_ - 1] != '\n';
    return true;
  }

  const int fd_;
  size_t write_bytes_ = kPipeWriteBytes;
  std::string text_;
  uint64_t text_start_ = 0;  // of text_, counted as `end` is
  uint64_t written_ = 0;
  bool in_line_ = false;  // the last byte written is not the end of a line
  std::deque<Written> batches_;
  SinkReport report_;
};

}  // namespace

std::unique_ptr<Sink> make_stdout_sink(const StdoutSinkConfig& config,
                                       const SinkContext& /*context*/) {
  return std::make_unique<StdoutSink>(config.fd);
}

}  // namespace millrace
