#include "wire/duckdb/row_source.h"

namespace millrace::duckdb {

namespace {

// What the callbacks need; DuckDB hands it to bind.
struct Registered {
  RowSources* sources;
};

struct Bound {
  std::shared_ptr<RowSource> source;
};

void delete_registered(void* data) {
  delete static_cast<Registered*>(data);
}

void delete_bound(void* data) {
  delete static_cast<Bound*>(data);
}

void delete_cursor(void* data) {
  delete static_cast<RowCursor*>(data);
}

// DuckDB calls only what it got from a loaded library, so this cannot fail.
const Api& api_of_process() {
  static const Api* const kApi = load_api().value();
  return *kApi;
}

// A batch's rows: enough for DuckDB to tell them from a large table when it orders a join.
constexpr uint64_t kRowsGuess = 1000;

void bind(BindInfo info) {
  const Api& api = api_of_process();
  const auto* registered = static_cast<const Registered*>(api.bind_get_extra_info(info));
  ValueHandle parameter = api.bind_get_parameter(info, 0);
  const int64_t id = api.get_int64(parameter);
  api.destroy_value(&parameter);
  auto source = registered->sources->find(id);
  if (source == nullptr) return api.bind_set_error(info, "no such rows");
  for (const RowColumn& column : source->columns(api)) {
    api.bind_add_result_column(info, column.name.c_str(), column.type.get());
  }
  api.bind_set_cardinality(info, kRowsGuess, false);
  api.bind_set_bind_data(info, new Bound{std::move(source)}, delete_bound);
}

void init(InitInfo info) {
  const Api& api = api_of_process();
  auto* cursor = new RowCursor;
  for (uint64_t i = 0; i < api.init_get_column_count(info); ++i)
    cursor->columns.push_back(api.init_get_column_index(info, i));
  api.init_set_init_data(info, cursor, delete_cursor);
  api.init_set_max_threads(info, 1);
}

void call(CallInfo info, ChunkHandle chunk) {
  const Api& api = api_of_process();
  const auto* bound = static_cast<const Bound*>(api.function_get_bind_data(info));
  auto* cursor = static_cast<RowCursor*>(api.function_get_init_data(info));
  api.data_chunk_set_size(chunk, bound->source->fill(api, chunk, api.vector_size(), *cursor));
}

bool register_function(const Api& api, ConnectionHandle connection, RowSources* sources,
                       const char* name, bool only_asked) {
  FunctionHandle function = api.create_table_function();
  api.table_function_set_name(function, name);
  TypeHandle bigint = api.create_logical_type(static_cast<int>(TypeId::kBigint));
  api.table_function_add_parameter(function, bigint);
  api.destroy_logical_type(&bigint);
  api.table_function_set_extra_info(function, new Registered{sources}, delete_registered);
  api.table_function_set_bind(function, bind);
  api.table_function_set_init(function, init);
  api.table_function_set_function(function, call);
  api.table_function_supports_projection_pushdown(function, only_asked);
  const bool done = api.register_table_function(connection, function) == kSuccess;
  api.destroy_table_function(&function);
  return done;
}

}  // namespace

int64_t RowSources::add(std::shared_ptr<RowSource> source) {
  const std::lock_guard lock(mutex_);
  sources_.emplace(++last_id_, std::move(source));
  return last_id_;
}

void RowSources::remove(int64_t id) {
  const std::lock_guard lock(mutex_);
  sources_.erase(id);
}

std::shared_ptr<RowSource> RowSources::find(int64_t id) const {
  const std::lock_guard lock(mutex_);
  const auto it = sources_.find(id);
  return it == sources_.end() ? nullptr : it->second;
}

bool register_rows_functions(const Api& api, ConnectionHandle connection, RowSources* sources) {
  return register_function(api, connection, sources, kRowsFunction, false) &&
         register_function(api, connection, sources, kAskedRowsFunction, true);
}

}  // namespace millrace::duckdb
