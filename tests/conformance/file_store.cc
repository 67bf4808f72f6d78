// The file sink and the stdout sink, read line by line.
#include <fcntl.h>
#include <unistd.h>

#include <charconv>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>
#include <utility>

#include "sink/file/file_sink.h"
#include "sink/stdout/stdout_sink.h"
#include "tests/conformance/real_disk.h"
#include "tests/conformance/store.h"

namespace millrace::conformance {

namespace {

// Whole lines only: a torn one at the end is still on its way.
std::vector<StoredItem> read_lines(std::string_view text) {
  constexpr std::string_view kBefore = R"("key":{"id":)";
  std::vector<StoredItem> out;
  for (size_t end = text.find('\n'); end != std::string_view::npos; end = text.find('\n')) {
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end + 1);
    StoredItem item{.bytes = std::string(line)};
    const size_t at = line.find(kBefore);
    const char* last = line.data() + line.size();
    if (at != std::string_view::npos && line.ends_with("}")) {
      std::from_chars(line.data() + at + kBefore.size(), last, item.id);
    }
    out.push_back(std::move(item));  // a line that is none of ours has id 0
  }
  return out;
}

class FileStore final : public Store {
 public:
  explicit FileStore(std::string folder) : folder_(std::move(folder)) {
    if (!folder_.empty()) return;
    disk_.emplace(run());
    folder_ = disk_->folder();
  }

  Traits traits() const override {
    return {.keeps_progress = true, .can_go_away = disk_.has_value()};
  }

  std::unique_ptr<Sink> make_sink(const SinkContext& context) override {
    return make_file_sink({.path = path(), .format = FileFormat::kRecord, .flush_ms = 20}, context);
  }

  std::vector<StoredItem> read() override {
    std::ostringstream text;
    text << std::ifstream(path(), std::ios::binary).rdbuf();
    return read_lines(text.str());
  }

  void go_away() override { disk_->fill(); }

  void come_back() override { disk_->make_room(); }

 private:
  std::string path() const { return folder_ + "/out.jsonl"; }

  std::optional<RealDisk> disk_;
  std::string folder_;
};

// A pipe and who reads it. A new process has a new pipe.
class StdoutStore final : public Store {
 public:
  ~StdoutStore() override { close_pipe(); }

  Traits traits() const override { return {.doubles = -1, .can_hold = true}; }

  std::unique_ptr<Sink> make_sink(const SinkContext& context) override {
    read();
    close_pipe();
    text_.resize(text_.rfind('\n') + 1);  // npos + 1: nothing
    if (::pipe2(ends_, O_CLOEXEC) != 0) return nullptr;
    ::fcntl(ends_[0], F_SETFL, O_NONBLOCK);
    return make_stdout_sink({.fd = ends_[1]}, context);
  }

  std::vector<StoredItem> read() override {
    char bytes[65536];
    while (ends_[0] >= 0) {
      const ssize_t got = ::read(ends_[0], bytes, sizeof bytes);
      if (got <= 0) break;
      text_.append(bytes, static_cast<size_t>(got));
    }
    return read_lines(text_);
  }

  void hold() override { is_held_ = true; }

  void come_back() override { is_held_ = false; }

  void tend() override {
    if (!is_held_) read();
  }

 private:
  void close_pipe() {
    for (int& end : ends_) {
      if (end >= 0) ::close(std::exchange(end, -1));
    }
  }

  int ends_[2] = {-1, -1};
  bool is_held_ = false;
  std::string text_;
};

}  // namespace

std::unique_ptr<Store> make_file_store(const std::string& folder) {
  if (folder.empty() && !RealDisk::is_there()) return nullptr;
  return std::make_unique<FileStore>(folder);
}

std::unique_ptr<Store> make_stdout_store() {
  return std::make_unique<StdoutStore>();
}

}  // namespace millrace::conformance
