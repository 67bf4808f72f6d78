// A DuckDB file (or a database in memory), its connections, statements and results.
//
// A process has one handle a file: open() gives the same Database to all who name the same file,
// for DuckDB refuses a second handle (and a second one in the same process would not even be
// noticed). Database: any thread. Connection, Statement, Result: one thread, that of their owner.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "wire/duckdb/api.h"
#include "wire/duckdb/row_source.h"

namespace millrace::duckdb {

class Connection;

struct DatabaseOptions {
  int64_t memory_max_bytes = int64_t{256} << 20;
  int64_t threads = 1;
};

class Database : public std::enable_shared_from_this<Database> {
 public:
  // `file` "" = a new database in memory. Where the file is open already, the larger of the limits
  // holds. Errors: kVersion (a file of another DuckDB, or none of DuckDB's), kBusy (another process
  // has it; or it is being closed after a fault), kIo.
  static Result<std::shared_ptr<Database>> open(const std::string& file,
                                                const DatabaseOptions& options);

  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  Result<Connection> connect();

  // Bytes that DuckDB holds for this file, of its limit; for /metrics.
  Result<int64_t> memory_used();

  const Api& api() const { return api_; }

  const std::string& file() const { return file_; }

  RowSources& rows() { return rows_; }

  // Held while tables are made or altered, until that is committed: DuckDB lets of two that do so
  // at the same time only one succeed.
  std::mutex& ddl() { return ddl_; }

  // DuckDB refuses all work after a fatal error (a full disk at the wrong moment) until every owner
  // has let go of the handle and it is opened again.
  bool is_broken() const { return broken_.load(); }

  void set_broken() { broken_.store(true); }

 private:
  Database(const Api& api, std::string file) : api_(api), file_(std::move(file)) {}

  static Result<std::shared_ptr<Database>> open_file(const Api& api, const std::string& path,
                                                     const DatabaseOptions& options);
  static Result<void> make_file(const Api& api, const std::string& path);
  Result<void> start(const DatabaseOptions& options);
  void close();
  Result<void> grow(const DatabaseOptions& options);

  const Api& api_;
  const std::string file_;
  std::mutex ddl_;
  RowSources rows_;  // before handle_'s end: DuckDB's functions refer to it
  DatabaseHandle handle_ = nullptr;
  DatabaseOptions options_;
  std::atomic<bool> broken_{false};
};

// What a statement gave.
class ResultSet {
 public:
  ResultSet(const Api& api, RawResult raw) : api_(&api), raw_(raw) {}

  ResultSet(ResultSet&& other) noexcept : api_(other.api_), raw_(std::exchange(other.raw_, {})) {}

  ResultSet& operator=(ResultSet&& other) noexcept {
    std::swap(api_, other.api_);
    std::swap(raw_, other.raw_);
    return *this;
  }

  ResultSet(const ResultSet&) = delete;
  ResultSet& operator=(const ResultSet&) = delete;

  ~ResultSet() { api_->destroy_result(&raw_); }

  uint64_t column_count() { return api_->column_count(&raw_); }

  std::string column_name(uint64_t column) { return api_->column_name(&raw_, column); }

  StorageType column_type(uint64_t column);

  uint64_t row_count() { return api_->row_count(&raw_); }

  uint64_t rows_changed() { return api_->rows_changed(&raw_); }

  // Of a result that is not streamed; nullopt = NULL, or a type that has no text here (UUID, lists,
  // …: cast it to VARCHAR in the SQL).
  std::optional<std::string> text(uint64_t row, uint64_t column);

  RawResult& raw() { return raw_; }

 private:
  const Api* api_;
  RawResult raw_;
};

// One chunk of a streamed result. Columns of VARCHAR and BIGINT can be read.
class Chunk {
 public:
  Chunk(const Api& api, ChunkHandle handle);

  Chunk(Chunk&& other) noexcept
      : api_(other.api_), handle_(std::exchange(other.handle_, nullptr)), rows_(other.rows_) {}

  Chunk& operator=(Chunk&&) = delete;
  Chunk(const Chunk&) = delete;
  Chunk& operator=(const Chunk&) = delete;
  ~Chunk();

  uint64_t rows() const { return rows_; }

  bool is_null(uint64_t row, uint64_t column);
  // Valid as long as the chunk.
  std::string_view varchar(uint64_t row, uint64_t column);
  int64_t bigint(uint64_t row, uint64_t column);

 private:
  VectorHandle vector(uint64_t column) { return api_->data_chunk_get_vector(handle_, column); }

  const Api* api_;
  ChunkHandle handle_;
  uint64_t rows_ = 0;
};

class Statement {
 public:
  Statement(Database& database, StatementHandle handle) : database_(&database), handle_(handle) {}

  Statement(Statement&& other) noexcept
      : database_(other.database_), handle_(std::exchange(other.handle_, nullptr)) {}

  Statement& operator=(Statement&& other) noexcept {
    std::swap(database_, other.database_);
    std::swap(handle_, other.handle_);
    return *this;
  }

  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  ~Statement() {
    if (handle_ != nullptr) database_->api().destroy_prepare(&handle_);
  }

  StatementType type() const {
    return StatementType{database_->api().prepared_statement_type(handle_)};
  }

  std::vector<std::string> column_names() const;

  // Parameters count from 1.
  Result<void> bind(uint64_t parameter, std::string_view text);

  Result<ResultSet> execute();

  // Its rows are computed while they are fetched; nothing else may run on the connection meanwhile.
  Result<ResultSet> stream();

  // The next rows of a streamed result; nullopt at its end.
  Result<std::optional<Chunk>> fetch(ResultSet& result);

 private:
  Database* database_;
  StatementHandle handle_;
};

class Connection {
 public:
  Connection(std::shared_ptr<Database> database, ConnectionHandle handle)
      : database_(std::move(database)), handle_(handle) {}

  Connection(Connection&& other) noexcept
      : database_(std::move(other.database_)), handle_(std::exchange(other.handle_, nullptr)) {}

  Connection& operator=(Connection&& other) noexcept {
    std::swap(database_, other.database_);
    std::swap(handle_, other.handle_);
    return *this;
  }

  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  ~Connection() {
    if (handle_ != nullptr) database_->api().disconnect(&handle_);
  }

  // One statement or several. What they return: execute() how many rows changed, query() the rows
  // of the last.
  Result<uint64_t> execute(const std::string& sql);
  Result<ResultSet> query(const std::string& sql);
  Result<Statement> prepare(const std::string& sql);

  // How many statements the text has.
  Result<uint64_t> count_statements(const std::string& sql);

  // A transaction that is not committed when it dies is rolled back by roll_back() or at
  // disconnect.
  Result<void> begin();
  Result<void> commit();
  void roll_back();

  // Ends what runs on it, soon and with an error. Any thread.
  void interrupt() { database_->api().interrupt(handle_); }

  Database& database() { return *database_; }

  const std::shared_ptr<Database>& shared_database() const { return database_; }

 private:
  std::shared_ptr<Database> database_;
  ConnectionHandle handle_;
};

}  // namespace millrace::duckdb
