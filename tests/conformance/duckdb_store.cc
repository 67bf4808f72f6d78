// The DuckDB sink, read from a copy of its files: what a process that starts now would find.
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <optional>

#include "sink/duckdb/duckdb_sink.h"
#include "tests/conformance/real_disk.h"
#include "tests/conformance/store.h"
#include "wire/duckdb/query.h"
#include "wire/duckdb/test_rows.h"

namespace millrace::conformance {

namespace {

class DuckDbStore final : public Store {
 public:
  DuckDbStore(bool mirror, std::string folder) : mirror_(mirror), folder_(std::move(folder)) {
    if (folder_.empty()) {
      disk_.emplace(run());
      folder_ = disk_->folder();
    }
    duckdb::find_test_library();
    // Never one that a process with the same number has left: its copies would be read.
    copy_ = std::filesystem::temp_directory_path() / "conformance-XXXXXX";
    if (::mkdtemp(copy_.data()) == nullptr) std::perror(copy_.c_str());
  }

  ~DuckDbStore() override { std::filesystem::remove_all(copy_); }

  Traits traits() const override {
    return {.keeps_progress = true,
            .refuses = true,
            .can_go_away = disk_.has_value(),
            .keyless = mirror_};
  }

  std::unique_ptr<Sink> make_sink(const SinkContext& context) override {
    DuckDbSinkConfig config;
    config.file = folder_ + "/w.duckdb";
    config.mode = mirror_ ? DuckDbMode::kMirror : DuckDbMode::kHistory;
    config.flush_ms = 20;
    BranchConfig branch;
    branch.name = context.branch;
    return make_duckdb_sink(config, branch, context);
  }

  std::vector<StoredItem> read() override {
    const std::string copied = copy_files();
    std::vector<StoredItem> out;
    auto database = duckdb::Database::open(copied, {});
    if (!database) return out;
    duckdb::RowReader reader;
    reader.columns = [](const std::vector<std::string>&) {};
    reader.row = [&](duckdb::TextRow row) {
      const std::string_view id = row[0].value_or("0");
      StoredItem item{.bytes = std::string(row[1].value_or(""))};
      std::from_chars(id.data(), id.data() + id.size(), item.id);
      out.push_back(std::move(item));
      return true;
    };
    // No table yet: no items.
    static_cast<void>(
        duckdb::query_rows(**database,
                           mirror_ ? "SELECT id, email FROM item ORDER BY id"
                                   : "SELECT id, email FROM item_history ORDER BY lsn, seq",
                           reader));
    return out;
  }

  void go_away() override { disk_->fill(); }

  void come_back() override { disk_->make_room(); }

 private:
  std::string copy_files() {
    const std::string from = folder_ + "/w.duckdb";
    const std::string to = copy_ + "/" + std::to_string(++copies_) + ".duckdb";
    for (const char* end : {"", ".wal"}) {
      std::error_code none;
      std::filesystem::copy_file(from + end, to + end, none);
    }
    return to;
  }

  const bool mirror_;
  std::optional<RealDisk> disk_;
  std::string folder_;
  std::string copy_;
  int copies_ = 0;
};

}  // namespace

std::unique_ptr<Store> make_duckdb_store(bool mirror, const std::string& folder) {
  if (folder.empty() && !RealDisk::is_there()) return nullptr;
  return std::make_unique<DuckDbStore>(mirror, folder);
}

}  // namespace millrace::conformance
