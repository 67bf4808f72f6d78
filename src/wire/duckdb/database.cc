#include "wire/duckdb/database.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <mutex>

#include "base/durable_file.h"
#include "wire/duckdb/failure.h"

namespace millrace::duckdb {

namespace {

struct OpenFile {
  std::weak_ptr<Database> database;
  bool has_handle = false;  // until the handle is closed, which is after the last owner let go
};

struct OpenFiles {
  std::mutex mutex;
  std::map<std::string, OpenFile> by_path;
};

// One handle a file in one process: this is the process's list of them.
OpenFiles& open_files() {
  static OpenFiles files;
  return files;
}

// Two names of one file (links, relative paths) are one key. The file may not exist yet, its folder
// must.
Result<std::string> canonical(const std::string& file) {
  std::error_code error;
  // Absolute first: of a name whose file does not exist yet the canonical one would stay relative.
  const auto absolute = std::filesystem::absolute(file, error);
  const auto path = error ? absolute : std::filesystem::weakly_canonical(absolute, error);
  if (error) return fail(ErrorKind::kIo, file + ": " + error.message());
  if (!std::filesystem::is_directory(path.parent_path(), error)) {
    return fail(ErrorKind::kIo, "the folder of " + file + " does not exist", "make the folder");
  }
  return path.string();
}

// Releases a config handle.
class Config {
 public:
  explicit Config(const Api& api) : api_(api) { api_.create_config(&handle_); }

  ~Config() { api_.destroy_config(&handle_); }

  Config(const Config&) = delete;
  Config& operator=(const Config&) = delete;

  void set(const char* name, const std::string& value) {
    ok_ = ok_ && api_.set_config(handle_, name, value.c_str()) == kSuccess;
  }

  bool ok() const { return ok_; }

  ConfigHandle get() const { return handle_; }

 private:
  const Api& api_;
  ConfigHandle handle_ = nullptr;
  bool ok_ = true;
};

std::string memory_text(int64_t bytes) {
  return std::to_string(bytes) + "B";
}

}  // namespace

Result<std::shared_ptr<Database>> Database::open(const std::string& file,
                                                 const DatabaseOptions& options) {
  auto api = load_api();
  if (!api) return Failure(api.error());
  std::string path;
  if (!file.empty()) {
    auto found = canonical(file);
    if (!found) return Failure(found.error());
    path = std::move(*found);
  }
  if (path.empty()) {
    std::shared_ptr<Database> made(new Database(**api, path));
    if (auto done = made->start(options); !done) return Failure(done.error());
    return made;
  }
  return open_file(**api, path, options);
}

Result<std::shared_ptr<Database>> Database::open_file(const Api& api, const std::string& path,
                                                      const DatabaseOptions& options) {
  OpenFiles& files = open_files();
  const std::unique_lock lock(files.mutex);
  OpenFile& entry = files.by_path[path];
  auto open_one = entry.database.lock();
  if (entry.has_handle && (open_one == nullptr || open_one->is_broken())) {
    return fail(ErrorKind::kBusy, path + " is just being closed in this process");
  }
  if (open_one != nullptr) {
    if (auto done = open_one->grow(options); !done) return Failure(done.error());
    return open_one;
  }
  if (auto there = make_file(api, path); !there) return Failure(there.error());
  std::shared_ptr<Database> made(new Database(api, path));
  if (auto done = made->start(options); !done) {
    made->close();  // not by the destructor, which would wait for the lock
    return Failure(done.error());
  }
  entry = {made, true};
  return made;
}

// What DuckDB leaves when it cannot write the start of a new file is no database, and no start
// would get over it. So a file gets its name when it is whole.
Result<void> Database::make_file(const Api& api, const std::string& path) {
  std::error_code error;
  if (std::filesystem::exists(path, error) || error) return {};  // DuckDB tells what is wrong
  const std::string unnamed = path + ".new." + std::to_string(::getpid());
  std::filesystem::remove(unnamed, error);
  Config config(api);
  config.set("threads", "1");
  Database empty(api, "");
  char* message = nullptr;
  const bool made =
      api.open_ext(unnamed.c_str(), &empty.handle_, config.get(), &message) == kSuccess;
  Result<void> done;
  if (!made) {
    done = Failure(open_error(path, message == nullptr ? "" : message));
    if (message != nullptr) api.free(message);
    empty.handle_ = nullptr;
  }
  empty.close();
  if (done) done = name_new_file(unnamed, path);
  if (!done) std::filesystem::remove(unnamed, error);
  return done;
}

Result<void> Database::start(const DatabaseOptions& options) {
  Config config(api_);
  config.set("memory_limit", memory_text(options.memory_max_bytes));
  config.set("threads", std::to_string(options.threads));
  // DuckDB's own 16 MB would compress the newest rows of a history again and again (figures:
  // bench/RESULTS.md).
  config.set("checkpoint_threshold", "64MB");
  config.set("autoinstall_known_extensions", "false");
  config.set("autoload_known_extensions", "false");
  config.set("enable_external_access", "false");
  if (!config.ok()) return fail(ErrorKind::kVersion, "this DuckDB library lacks a setting");
  char* error = nullptr;
  const char* name = file_.empty() ? ":memory:" : file_.c_str();
  if (api_.open_ext(name, &handle_, config.get(), &error) != kSuccess) {
    const std::string message = error == nullptr ? "" : error;
    if (error != nullptr) api_.free(error);
    handle_ = nullptr;
    return Failure(open_error(name, message));
  }
  options_ = options;
  ConnectionHandle connection = nullptr;
  if (api_.connect(handle_, &connection) != kSuccess) {
    return fail(ErrorKind::kIo, file_ + ": DuckDB gives no connection");
  }
  const bool registered = register_rows_functions(api_, connection, &rows_);
  api_.disconnect(&connection);
  if (!registered) return fail(ErrorKind::kInternal, "DuckDB refuses our table functions");
  return {};
}

Result<void> Database::grow(const DatabaseOptions& options) {
  const DatabaseOptions larger{std::max(options.memory_max_bytes, options_.memory_max_bytes),
                               std::max(options.threads, options_.threads)};
  auto connection = connect();
  if (!connection) return Failure(connection.error());
  auto done =
      connection->execute("SET GLOBAL memory_limit='" + memory_text(larger.memory_max_bytes) +
                          "'; SET GLOBAL threads=" + std::to_string(larger.threads));
  if (!done) return Failure(done.error());
  options_ = larger;
  return {};
}

Database::~Database() {
  if (handle_ == nullptr) return;
  close();
  if (file_.empty()) return;
  OpenFiles& files = open_files();
  const std::lock_guard lock(files.mutex);
  files.by_path[file_].has_handle = false;
}

void Database::close() {
  if (handle_ != nullptr) api_.close(&handle_);
  handle_ = nullptr;
}

Result<Connection> Database::connect() {
  ConnectionHandle handle = nullptr;
  if (api_.connect(handle_, &handle) != kSuccess) {
    return fail(ErrorKind::kIo, file_ + ": DuckDB gives no connection");
  }
  Connection connection(shared_from_this(), handle);
  auto done = connection.execute("SET TimeZone='UTC'");
  if (!done) return Failure(done.error());
  return connection;
}

Result<int64_t> Database::memory_used() {
  auto connection = connect();
  if (!connection) return Failure(connection.error());
  auto used =
      connection->query("SELECT CAST(sum(memory_usage_bytes) AS BIGINT) FROM duckdb_memory()");
  if (!used) return Failure(used.error());
  return std::strtoll(used->text(0, 0).value_or("0").c_str(), nullptr, 10);
}

}  // namespace millrace::duckdb
