// Values as PostgreSQL writes them in text, into the vectors of a DuckDB data chunk. Exact or
// refused (I5).
#pragma once

#include <cstdint>
#include <string_view>

#include "event/value.h"
#include "wire/duckdb/type_map.h"

namespace millrace::duckdb {

// One flat vector of a chunk; valid as long as the chunk.
class Slots {
 public:
  Slots(const Api& api, VectorHandle vector)
      : api_(&api), vector_(vector), data_(api.vector_get_data(vector)) {}

  template <class T>
  void set(uint64_t row, T value) {
    static_cast<T*>(data_)[row] = value;
  }

  void set_bytes(uint64_t row, std::string_view bytes) {
    api_->vector_assign_string_element_len(vector_, row, bytes.data(), bytes.size());
  }

  void set_null(uint64_t row) {
    api_->vector_ensure_validity_writable(vector_);
    api_->vector_get_validity(vector_)[row / 64] &= ~(uint64_t{1} << (row % 64));
  }

  void set_valid(uint64_t row) {
    uint64_t* valid = api_->vector_get_validity(vector_);
    if (valid != nullptr) valid[row / 64] |= uint64_t{1} << (row % 64);
  }

 private:
  const Api* api_;
  VectorHandle vector_;
  void* data_;
};

// Writes `text` as `type` at `row`; null, or why DuckDB cannot hold it ("is out of the range of
// TIMESTAMP"), a constant without the value.
const char* write_text(Slots& slots, uint64_t row, StorageType type, std::string_view text);

// The same for a Datum; what has no value here (null, unchanged, absent) becomes NULL. `source`:
// what the source's column would be stored as by itself, where `type` is wider (type_map.h,
// widest()).
const char* write_datum(Slots& slots, uint64_t row, StorageType type, StorageType source,
                        const Datum& datum);

}  // namespace millrace::duckdb
