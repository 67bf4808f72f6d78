#include "sink/file/file_sink.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/durable_file.h"
#include "event/progress.h"
#include "sink/file/file_progress.h"
#include "sink/record_line.h"

namespace millrace {

namespace {

constexpr size_t kWriteBytes = 256 * 1024;

std::string progress_path(const std::string& path) {
  return path + ".progress";
}

// Whether data and progress fit. The empty progress of a file that is new is a good one.
Result<FileProgress> find_progress(const std::string& path, std::optional<uint64_t> size) {
  auto stored = read_file_progress(progress_path(path));
  if (!stored) return Failure(stored.error());
  if (!*stored && size.value_or(0) > 0) {
    return fail(ErrorKind::kIo,
                fmt::format("\"{}\" has content but no {}", path, progress_path(path)),
                "move the file away, or set file.path to a new one");
  }
  FileProgress progress = stored->value_or(FileProgress());
  if (progress.length > size.value_or(0)) {
    return fail(ErrorKind::kGap,
                fmt::format("\"{}\" has {} bytes, but {} were committed: lines are missing", path,
                            size.value_or(0), progress.length),
                fmt::format("restore the file, or remove it and {} and take a new snapshot",
                            progress_path(path)));
  }
  return progress;
}

class FileSink final : public Sink {
 public:
  FileSink(FileSinkConfig config, const SinkContext& context)
      : config_(std::move(config)), unsynced_max_(context.memory_share / 4) {}

  Result<std::optional<Progress>> open() override {
    file_.close();
    buffer_.clear();
    auto file = AppendFile::open(config_.path);
    if (!file) return Failure(file.error());
    auto stored = find_progress(config_.path, file->size());
    if (!stored) return Failure(stored.error());
    file_ = std::move(*file);
    progress_ = std::move(*stored);
    if (auto cut = file_.truncate(progress_.length); !cut) return Failure(cut.error());
    // From now on a file without progress beside it is none of ours.
    if (auto saved = save(); !saved) return Failure(saved.error());
    is_dirty_ = false;
    unsynced_bytes_ = 0;
    broken_.reset();
    unsynced_.reset();
    return progress_.streams;
  }

  Result<void> write(BatchView view) override {
    if (broken_) return Failure(*broken_);
    if (auto written = write_lines(view.records); !written) {
      broken_ = written.error();
      return written;
    }
    written_seq_ = view.seq();
    progress_.length = file_.size();
    advance(progress_.streams, *view.batch);
    is_dirty_ = true;
    unsynced_bytes_ += view.bytes();
    return {};
  }

  Result<SinkReport> poll(SteadyTime deadline) override {
    if (!is_dirty_) return report_;
    const bool is_full = unsynced_bytes_ >= unsynced_max_;
    const SteadyTime due = is_full ? SteadyTime{} : last_commit_ + Millis(config_.flush_ms);
    wait_until(std::min(due, deadline));
    if (steady_now() < due) return report_;
    return commit();
  }

  Result<SinkReport> drain(SteadyTime /*deadline*/) override {
    return is_dirty_ ? commit() : Result<SinkReport>(report_);
  }

  size_t bytes_held() const override { return buffer_.capacity(); }

 private:
  static void wait_until(SteadyTime time) {
    const auto left = std::chrono::ceil<Millis>(time - steady_now()).count();
    if (left > 0) ::poll(nullptr, 0, static_cast<int>(left));
  }

  Result<void> write_lines(std::span<const Record> records) {
    for (const Record& record : records) {
      if (config_.format == FileFormat::kRecord) {
        append_record_line(buffer_, record);
      } else {
        buffer_ += record.value.data() == nullptr ? std::string_view("null") : record.value;
        buffer_ += '\n';
      }
      if (buffer_.size() < kWriteBytes) continue;
      if (auto written = write_buffer(); !written) return written;
    }
    return write_buffer();
  }

  Result<void> write_buffer() {
    auto written = file_.append(buffer_);
    buffer_.clear();
    return written;
  }

  Result<void> save() { return replace_file(progress_path(config_.path), to_json(progress_)); }

  // Data first: progress never speaks of lines that a crash could take away. A sync that failed is
  // not repeated: the next one would succeed although the kernel has dropped the lines.
  Result<SinkReport> commit() {
    if (unsynced_) return Failure(*unsynced_);
    auto done = file_.sync();
    if (done) done = save();
    if (!done) {
      broken_ = unsynced_ = done.error();
      return Failure(done.error());
    }
    is_dirty_ = false;
    unsynced_bytes_ = 0;
    last_commit_ = steady_now();
    report_.durable_seq = written_seq_;
    return report_;
  }

  const FileSinkConfig config_;
  const size_t unsynced_max_;
  AppendFile file_;
  std::string buffer_;
  FileProgress progress_;          // after the last whole batch; on disk only after commit()
  std::optional<Error> broken_;    // a batch was written in part: only open() cuts it off
  std::optional<Error> unsynced_;  // a commit failed: only open() begins anew
  uint64_t written_seq_ = 0;
  size_t unsynced_bytes_ = 0;  // of batches that wait for a commit
  bool is_dirty_ = false;
  SteadyTime last_commit_{};
  SinkReport report_;
};

}  // namespace

std::unique_ptr<Sink> make_file_sink(const FileSinkConfig& config, const SinkContext& context) {
  return std::make_unique<FileSink>(config, context);
}

Result<std::optional<Progress>> stored_file_progress(const FileSinkConfig& config) {
  auto stored = read_file_progress(progress_path(config.path));
  if (!stored) return Failure(stored.error());
  return *stored ? std::move((*stored)->streams) : Progress();
}

Problems check_file_sink(const FileSinkConfig& config) {
  const auto problem = [](const Error& error) {
    return Problems{
        Problem{.key = "file.path", .origin = {}, .message = error.message, .cure = error.cure}};
  };
  struct stat found{};
  const bool exists = ::stat(config.path.c_str(), &found) == 0;
  const std::optional<uint64_t> size =
      exists ? std::optional(static_cast<uint64_t>(found.st_size)) : std::nullopt;
  if (auto progress = find_progress(config.path, size); !progress) return problem(progress.error());
  // A running pipeline holds the lock; that it may write is known then.
  if (exists && ::access(config.path.c_str(), W_OK) != 0) {
    return problem(io_error("write", config.path, errno));
  }
  // Progress needs a file beside it to be made and renamed.
  const std::string trial = config.path + ".check";
  auto made = replace_file(trial, "");
  if (!made) return problem(made.error());
  ::unlink(trial.c_str());
  return {};
}

}  // namespace millrace
