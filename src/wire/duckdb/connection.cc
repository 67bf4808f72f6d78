// Connections, statements and their results; declared in database.h.
#include <cstring>

#include "wire/duckdb/database.h"
#include "wire/duckdb/failure.h"

namespace millrace::duckdb {

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
  std::memcpy(static_cast<void*>(&bytes), slot + 8, sizeof bytes);
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
