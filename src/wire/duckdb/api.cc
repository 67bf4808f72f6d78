#include "wire/duckdb/api.h"

#include <dlfcn.h>

#include <cstdlib>
#include <filesystem>
#include <mutex>
#include <string>
#include <vector>

namespace millrace::duckdb {

namespace {

constexpr const char* kLibrary = "libduckdb.so";

// Looks names up and remembers the first that is missing.
class Binder {
 public:
  explicit Binder(void* library) : library_(library) {}

  template <class F>
  void operator()(const char* name, F& slot) {
    void* symbol = dlsym(library_, name);
    if (symbol == nullptr && missing_.empty()) missing_ = name;
    slot = reinterpret_cast<F>(symbol);
  }

  const std::string& missing() const { return missing_; }

 private:
  void* library_;
  std::string missing_;
};

void bind_databases(Binder& bind, Api& api) {
  bind("duckdb_library_version", api.library_version);
  bind("duckdb_free", api.free);
  bind("duckdb_create_config", api.create_config);
  bind("duckdb_set_config", api.set_config);
  bind("duckdb_destroy_config", api.destroy_config);
  bind("duckdb_open_ext", api.open_ext);
  bind("duckdb_close", api.close);
  bind("duckdb_connect", api.connect);
  bind("duckdb_disconnect", api.disconnect);
  bind("duckdb_interrupt", api.interrupt);
}

void bind_results(Binder& bind, Api& api) {
  bind("duckdb_query", api.query);
  bind("duckdb_destroy_result", api.destroy_result);
  bind("duckdb_result_error", api.result_error);
  bind("duckdb_result_error_type", api.result_error_type);
  bind("duckdb_column_count", api.column_count);
  bind("duckdb_column_name", api.column_name);
  bind("duckdb_column_logical_type", api.column_logical_type);
  bind("duckdb_row_count", api.row_count);
  bind("duckdb_rows_changed", api.rows_changed);
  bind("duckdb_value_varchar", api.value_varchar);
  bind("duckdb_fetch_chunk", api.fetch_chunk);
}

void bind_statements(Binder& bind, Api& api) {
  bind("duckdb_prepare", api.prepare);
  bind("duckdb_destroy_prepare", api.destroy_prepare);
  bind("duckdb_prepare_error", api.prepare_error);
  bind("duckdb_prepared_statement_type", api.prepared_statement_type);
  bind("duckdb_prepared_statement_column_count", api.prepared_statement_column_count);
  bind("duckdb_prepared_statement_column_name", api.prepared_statement_column_name);
  bind("duckdb_bind_varchar_length", api.bind_varchar_length);
  bind("duckdb_execute_prepared", api.execute_prepared);
  bind("duckdb_execute_prepared_streaming", api.execute_prepared_streaming);
  bind("duckdb_extract_statements", api.extract_statements);
  bind("duckdb_extract_statements_error", api.extract_statements_error);
  bind("duckdb_destroy_extracted", api.destroy_extracted);
}

void bind_types(Binder& bind, Api& api) {
  bind("duckdb_create_logical_type", api.create_logical_type);
  bind("duckdb_create_decimal_type", api.create_decimal_type);
  bind("duckdb_create_list_type", api.create_list_type);
  bind("duckdb_create_struct_type", api.create_struct_type);
  bind("duckdb_logical_type_set_alias", api.logical_type_set_alias);
  bind("duckdb_logical_type_get_alias", api.logical_type_get_alias);
  bind("duckdb_get_type_id", api.get_type_id);
  bind("duckdb_decimal_width", api.decimal_width);
  bind("duckdb_decimal_scale", api.decimal_scale);
  bind("duckdb_destroy_logical_type", api.destroy_logical_type);
}

void bind_chunks(Binder& bind, Api& api) {
  bind("duckdb_destroy_data_chunk", api.destroy_data_chunk);
  bind("duckdb_data_chunk_get_size", api.data_chunk_get_size);
  bind("duckdb_data_chunk_set_size", api.data_chunk_set_size);
  bind("duckdb_data_chunk_get_vector", api.data_chunk_get_vector);
  bind("duckdb_vector_size", api.vector_size);
  bind("duckdb_vector_get_data", api.vector_get_data);
  bind("duckdb_vector_get_validity", api.vector_get_validity);
  bind("duckdb_vector_ensure_validity_writable", api.vector_ensure_validity_writable);
  bind("duckdb_vector_assign_string_element_len", api.vector_assign_string_element_len);
  bind("duckdb_struct_vector_get_child", api.struct_vector_get_child);
  bind("duckdb_list_vector_get_child", api.list_vector_get_child);
  bind("duckdb_list_vector_reserve", api.list_vector_reserve);
  bind("duckdb_list_vector_set_size", api.list_vector_set_size);
  bind("duckdb_list_vector_get_size", api.list_vector_get_size);
}

void bind_functions(Binder& bind, Api& api) {
  bind("duckdb_create_table_function", api.create_table_function);
  bind("duckdb_destroy_table_function", api.destroy_table_function);
  bind("duckdb_table_function_set_name", api.table_function_set_name);
  bind("duckdb_table_function_add_parameter", api.table_function_add_parameter);
  bind("duckdb_table_function_set_extra_info", api.table_function_set_extra_info);
  bind("duckdb_table_function_set_bind", api.table_function_set_bind);
  bind("duckdb_table_function_set_init", api.table_function_set_init);
  bind("duckdb_table_function_set_function", api.table_function_set_function);
  bind("duckdb_table_function_supports_projection_pushdown",
       api.table_function_supports_projection_pushdown);
  bind("duckdb_register_table_function", api.register_table_function);
  bind("duckdb_bind_get_extra_info", api.bind_get_extra_info);
  bind("duckdb_bind_get_parameter", api.bind_get_parameter);
  bind("duckdb_get_int64", api.get_int64);
  bind("duckdb_destroy_value", api.destroy_value);
  bind("duckdb_bind_add_result_column", api.bind_add_result_column);
  bind("duckdb_bind_set_bind_data", api.bind_set_bind_data);
  bind("duckdb_bind_set_cardinality", api.bind_set_cardinality);
  bind("duckdb_bind_set_error", api.bind_set_error);
  bind("duckdb_init_get_column_count", api.init_get_column_count);
  bind("duckdb_init_get_column_index", api.init_get_column_index);
  bind("duckdb_init_set_init_data", api.init_set_init_data);
  bind("duckdb_init_set_max_threads", api.init_set_max_threads);
  bind("duckdb_function_get_bind_data", api.function_get_bind_data);
  bind("duckdb_function_get_init_data", api.function_get_init_data);
}

std::vector<std::string> places() {
  std::vector<std::string> out;
  // Read once, before any thread of ours changes the environment (none does).
  const char* given = std::getenv("MILLRACE_DUCKDB_LIBRARY");  // NOLINT(concurrency-mt-unsafe)
  if (given != nullptr && *given != 0) out.emplace_back(given);
  std::error_code ignored;
  auto self = std::filesystem::read_symlink("/proc/self/exe", ignored);
  if (!self.empty()) out.push_back((self.parent_path() / kLibrary).string());
  out.emplace_back(kLibrary);
  return out;
}

Result<Api> open_library() {
  std::string tried;
  for (const std::string& place : places()) {
    void* library = dlopen(place.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) {
      tried += (tried.empty() ? "" : ", ") + place;
      continue;
    }
    Api api = {};
    Binder bind(library);
    bind_databases(bind, api);
    bind_results(bind, api);
    bind_statements(bind, api);
    bind_types(bind, api);
    bind_chunks(bind, api);
    bind_functions(bind, api);
    if (bind.missing().empty()) return api;
    return fail(ErrorKind::kVersion, place + " is a DuckDB library without " + bind.missing(),
                "use libduckdb.so of DuckDB 1.5");
  }
  return fail(ErrorKind::kNotFound, "no DuckDB library found (looked for " + tried + ")",
              "put libduckdb.so beside the program or name it in MILLRACE_DUCKDB_LIBRARY");
}

}  // namespace

Result<const Api*> load_api() {
  static std::mutex mutex;
  static Api loaded;
  static bool is_loaded = false;
  std::lock_guard lock(mutex);
  if (!is_loaded) {
    auto api = open_library();
    if (!api) return Failure(api.error());
    loaded = *api;
    is_loaded = true;
  }
  return &loaded;
}

}  // namespace millrace::duckdb
