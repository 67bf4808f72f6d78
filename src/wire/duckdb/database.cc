#include "wire/duckdb/database.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <map>
#include <mutex>

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
  const auto path = std::filesystem::weakly_canonical(file, error);
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
  std::shared_ptr<Database> made(new Database(api, path));
  if (auto done = made->start(options); !done) {
    made->close();  // not by the destructor, which would wait for the lock
    return Failure(done.error());
  }
  entry = {made, true};
  return made;
}

Result<void> Database::start(const DatabaseOptions& options) {
  Config config(api_);
  config.set("memory_limit", memory_text(options.memory_max_bytes));
  config.set("threads", std::to_string(options.threads));
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
  const bool registered = register_rows_function(api_, connection, &rows_);
  api_.disconnect(&connection);
  if (!registered) return fail(ErrorKind::kInternal, "DuckDB refuses the function millrace_rows");
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

namespace {

// Takes the error out of a result and frees it.
Failure failure_of(Database& database, RawResult& raw) {
  const Api& api = database.api();
  const int type = api.result_error_type(&raw);
  const char* message = api.result_error(&raw);
  Error error = error_of(type, message == nullptr ? "" : message);
  if (is_fatal(type)) database.set_broken();
  api.destroy_result(&raw);
  return Failure(std::move(error));
}

}  // namespace

StorageType ResultSet::column_type(uint64_t column) {
  const LogicalType type(*api_, api_->column_logical_type(&raw_, column));
  return storage_of(*api_, type.get());
}

std::optional<std::string> ResultSet::text(uint64_t row, uint64_t column) {
  const Storage kind = column_type(column).kind;
  if (kind == Storage::kUuid || kind == Storage::kTimetz || kind == Storage::kOther) {
    return std::nullopt;  // value_varchar() would read through a null pointer
  }
  char* text = api_->value_varchar(&raw_, column, row);
  if (text == nullptr) return std::nullopt;
  std::string out(text);
  api_->free(text);
  return out;
}

Chunk::Chunk(const Api& api, ChunkHandle handle)
    : api_(&api), handle_(handle), rows_(api.data_chunk_get_size(handle)) {}

Chunk::~Chunk() {
  if (handle_ != nullptr) api_->destroy_data_chunk(&handle_);
}

bool Chunk::is_null(uint64_t row, uint64_t column) {
  const uint64_t* valid = api_->vector_get_validity(vector(column));
  return valid != nullptr && (valid[row / 64] >> (row % 64) & 1) == 0;
}

std::string_view Chunk::varchar(uint64_t row, uint64_t column) {
  // duckdb_string_t: a length, then up to 12 bytes in place, or 4 bytes of prefix and a pointer.
  constexpr uint32_t kInlined = 12;
  const char* slot = static_cast<const char*>(api_->vector_get_data(vector(column))) + row * 16;
  uint32_t length = 0;
  std::memcpy(&length, slot, sizeof length);
  if (length <= kInlined) return {slot + 4, length};
  const char* bytes = nullptr;
  std::memcpy(&bytes, slot + 8, sizeof bytes);
  return {bytes, length};
}

int64_t Chunk::bigint(uint64_t row, uint64_t column) {
  return static_cast<const int64_t*>(api_->vector_get_data(vector(column)))[row];
}

std::vector<std::string> Statement::column_names() const {
  std::vector<std::string> out;
  const Api& api = database_->api();
  for (uint64_t i = 0; i < api.prepared_statement_column_count(handle_); ++i) {
    char* name = api.prepared_statement_column_name(handle_, i);
    out.emplace_back(name);
    api.free(name);
  }
  return out;
}

Result<void> Statement::bind(uint64_t parameter, std::string_view text) {
  if (database_->api().bind_varchar_length(handle_, parameter, text.data(), text.size()) !=
      kSuccess) {
    return fail(ErrorKind::kInternal, "a parameter of a DuckDB statement is not there");
  }
  return {};
}

Result<ResultSet> Statement::execute() {
  RawResult raw;
  if (database_->api().execute_prepared(handle_, &raw) != kSuccess) {
    return failure_of(*database_, raw);
  }
  return ResultSet(database_->api(), raw);
}

Result<ResultSet> Statement::stream() {
  RawResult raw;
  if (database_->api().execute_prepared_streaming(handle_, &raw) != kSuccess) {
    return failure_of(*database_, raw);
  }
  return ResultSet(database_->api(), raw);
}

Result<std::optional<Chunk>> Statement::fetch(ResultSet& result) {
  const Api& api = database_->api();
  ChunkHandle chunk = api.fetch_chunk(result.raw());
  if (chunk != nullptr) {
    if (api.data_chunk_get_size(chunk) > 0) return Chunk(api, chunk);
    api.destroy_data_chunk(&chunk);
    return std::nullopt;
  }
  const char* message = api.result_error(&result.raw());
  if (message == nullptr || *message == 0) return std::nullopt;
  const int type = api.result_error_type(&result.raw());
  if (is_fatal(type)) database_->set_broken();
  return Failure(error_of(type, message));
}

Result<ResultSet> Connection::query(const std::string& sql) {
  RawResult raw;
  if (database_->api().query(handle_, sql.c_str(), &raw) != kSuccess) {
    return failure_of(*database_, raw);
  }
  return ResultSet(database_->api(), raw);
}

Result<uint64_t> Connection::execute(const std::string& sql) {
  auto result = query(sql);
  if (!result) return Failure(result.error());
  return result->rows_changed();
}

Result<Statement> Connection::prepare(const std::string& sql) {
  StatementHandle handle = nullptr;
  const Api& api = database_->api();
  const int state = api.prepare(handle_, sql.c_str(), &handle);
  Statement statement(*database_, handle);
  if (state == kSuccess) return statement;
  // A prepared statement gives no error type: its sentence begins with the class.
  const char* message = handle == nullptr ? nullptr : api.prepare_error(handle);
  return Failure(error_of(error_type_of(message == nullptr ? "" : message),
                          message == nullptr ? "" : message));
}

Result<uint64_t> Connection::count_statements(const std::string& sql) {
  const Api& api = database_->api();
  ExtractedHandle extracted = nullptr;
  const uint64_t count = api.extract_statements(handle_, sql.c_str(), &extracted);
  const char* message = count == 0 ? api.extract_statements_error(extracted) : nullptr;
  const std::string error = message == nullptr ? "" : message;
  api.destroy_extracted(&extracted);
  if (!error.empty()) return Failure(error_of(error_type_of(error), error));
  return count;
}

Result<void> Connection::begin() {
  auto done = execute("BEGIN TRANSACTION");
  if (!done) return Failure(done.error());
  return {};
}

Result<void> Connection::commit() {
  auto done = execute("COMMIT");
  if (!done) return Failure(done.error());
  return {};
}

void Connection::roll_back() {
  // Fails when there is no transaction (DuckDB ends it itself after some errors): that is what is
  // wanted.
  static_cast<void>(execute("ROLLBACK"));
}

}  // namespace millrace::duckdb
