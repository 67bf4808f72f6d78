// The part of DuckDB's C API (libduckdb.so, 1.5) that is used here, bound at run time by dlopen, so
// that a program without a DuckDB branch never loads the library. Members are named as DuckDB names
// its functions, without "duckdb_". The table is constant once loaded; any thread.
//
// The library is looked for in MILLRACE_DUCKDB_LIBRARY (a file), beside the executable, and on the
// loader's path, in that order.
#pragma once

#include <cstdint>

#include "base/result.h"

namespace millrace::duckdb {

// DuckDB's handles are opaque pointers.
using DatabaseHandle = struct DatabaseTag*;
using ConnectionHandle = struct ConnectionTag*;
using ConfigHandle = struct ConfigTag*;
using StatementHandle = struct StatementTag*;
using ExtractedHandle = struct ExtractedTag*;
using TypeHandle = struct TypeTag*;
using ChunkHandle = struct ChunkTag*;
using VectorHandle = struct VectorTag*;
using ValueHandle = struct ValueTag*;
using FunctionHandle = struct FunctionTag*;
using BindInfo = struct BindInfoTag*;
using InitInfo = struct InitInfoTag*;
using CallInfo = struct CallInfoTag*;
using Deleter = void (*)(void*);

// duckdb_result: handed around by address, and by value to fetch_chunk; only DuckDB reads its
// members.
struct RawResult {
  uint64_t counts[3] = {};
  void* columns = nullptr;
  char* error_message = nullptr;
  void* internal = nullptr;
};

// duckdb_state
inline constexpr int kSuccess = 0;

// duckdb_type, as far as it is used.
enum class TypeId : int {
  kBoolean = 1,
  kSmallint = 3,
  kInteger = 4,
  kBigint = 5,
  kUinteger = 8,
  kFloat = 10,
  kDouble = 11,
  kTimestamp = 12,
  kDate = 13,
  kTime = 14,
  kInterval = 15,
  kVarchar = 17,
  kBlob = 18,
  kDecimal = 19,
  kList = 24,
  kStruct = 25,
  kUuid = 27,
  kTimetz = 30,
  kTimestamptz = 31,
};

// duckdb_statement_type, as far as it is used.
enum class StatementType : int { kSelect = 1, kExplain = 4, kPragma = 17 };

struct Api {
  const char* (*library_version)();
  void (*free)(void*);

  int (*create_config)(ConfigHandle*);
  int (*set_config)(ConfigHandle, const char*, const char*);
  void (*destroy_config)(ConfigHandle*);
  int (*open_ext)(const char*, DatabaseHandle*, ConfigHandle, char**);
  void (*close)(DatabaseHandle*);
  int (*connect)(DatabaseHandle, ConnectionHandle*);
  void (*disconnect)(ConnectionHandle*);
  void (*interrupt)(ConnectionHandle);

  int (*query)(ConnectionHandle, const char*, RawResult*);
  void (*destroy_result)(RawResult*);
  const char* (*result_error)(RawResult*);
  int (*result_error_type)(RawResult*);
  uint64_t (*column_count)(RawResult*);
  const char* (*column_name)(RawResult*, uint64_t);
  TypeHandle (*column_logical_type)(RawResult*, uint64_t);
  uint64_t (*row_count)(RawResult*);
  uint64_t (*rows_changed)(RawResult*);
  char* (*value_varchar)(RawResult*, uint64_t, uint64_t);
  ChunkHandle (*fetch_chunk)(RawResult);

  int (*prepare)(ConnectionHandle, const char*, StatementHandle*);
  void (*destroy_prepare)(StatementHandle*);
  const char* (*prepare_error)(StatementHandle);
  int (*prepared_statement_type)(StatementHandle);
  uint64_t (*prepared_statement_column_count)(StatementHandle);
  char* (*prepared_statement_column_name)(StatementHandle, uint64_t);
  int (*bind_varchar_length)(StatementHandle, uint64_t, const char*, uint64_t);
  int (*execute_prepared)(StatementHandle, RawResult*);
  int (*execute_prepared_streaming)(StatementHandle, RawResult*);
  uint64_t (*extract_statements)(ConnectionHandle, const char*, ExtractedHandle*);
  const char* (*extract_statements_error)(ExtractedHandle);
  void (*destroy_extracted)(ExtractedHandle*);

  TypeHandle (*create_logical_type)(int);
  TypeHandle (*create_decimal_type)(uint8_t, uint8_t);
  TypeHandle (*create_list_type)(TypeHandle);
  TypeHandle (*create_struct_type)(TypeHandle*, const char**, uint64_t);
  void (*logical_type_set_alias)(TypeHandle, const char*);
  char* (*logical_type_get_alias)(TypeHandle);
  int (*get_type_id)(TypeHandle);
  uint8_t (*decimal_width)(TypeHandle);
  uint8_t (*decimal_scale)(TypeHandle);
  void (*destroy_logical_type)(TypeHandle*);

  void (*destroy_data_chunk)(ChunkHandle*);
  uint64_t (*data_chunk_get_size)(ChunkHandle);
  void (*data_chunk_set_size)(ChunkHandle, uint64_t);
  VectorHandle (*data_chunk_get_vector)(ChunkHandle, uint64_t);
  uint64_t (*vector_size)();
  void* (*vector_get_data)(VectorHandle);
  uint64_t* (*vector_get_validity)(VectorHandle);
  void (*vector_ensure_validity_writable)(VectorHandle);
  void (*vector_assign_string_element_len)(VectorHandle, uint64_t, const char*, uint64_t);
  VectorHandle (*struct_vector_get_child)(VectorHandle, uint64_t);
  VectorHandle (*list_vector_get_child)(VectorHandle);
  int (*list_vector_reserve)(VectorHandle, uint64_t);
  int (*list_vector_set_size)(VectorHandle, uint64_t);
  uint64_t (*list_vector_get_size)(VectorHandle);

  FunctionHandle (*create_table_function)();
  void (*destroy_table_function)(FunctionHandle*);
  void (*table_function_set_name)(FunctionHandle, const char*);
  void (*table_function_add_parameter)(FunctionHandle, TypeHandle);
  void (*table_function_set_extra_info)(FunctionHandle, void*, Deleter);
  void (*table_function_set_bind)(FunctionHandle, void (*)(BindInfo));
  void (*table_function_set_init)(FunctionHandle, void (*)(InitInfo));
  void (*table_function_set_function)(FunctionHandle, void (*)(CallInfo, ChunkHandle));
  void (*table_function_supports_projection_pushdown)(FunctionHandle, bool);
  int (*register_table_function)(ConnectionHandle, FunctionHandle);
  void* (*bind_get_extra_info)(BindInfo);
  ValueHandle (*bind_get_parameter)(BindInfo, uint64_t);
  int64_t (*get_int64)(ValueHandle);
  void (*destroy_value)(ValueHandle*);
  void (*bind_add_result_column)(BindInfo, const char*, TypeHandle);
  void (*bind_set_bind_data)(BindInfo, void*, Deleter);
  void (*bind_set_cardinality)(BindInfo, uint64_t, bool);
  void (*bind_set_error)(BindInfo, const char*);
  uint64_t (*init_get_column_count)(InitInfo);
  uint64_t (*init_get_column_index)(InitInfo, uint64_t);
  void (*init_set_init_data)(InitInfo, void*, Deleter);
  void (*init_set_max_threads)(InitInfo, uint64_t);
  void* (*function_get_bind_data)(CallInfo);
  void* (*function_get_init_data)(CallInfo);
};

// Loads the library at the first call that succeeds; it stays loaded. Errors: kNotFound with the
// places that were looked at, kVersion when a function is missing.
Result<const Api*> load_api();

}  // namespace millrace::duckdb
