#include "event/schema.h"

#include <atomic>

namespace millrace {

namespace {

constexpr int kVarHeaderBytes = 4;  // VARHDRSZ: typmods of char, varchar and numeric have it added

}  // namespace

int ColumnType::length() const {
  if (typmod < 0) return -1;
  const bool is_bits = type == PgType::kBit || type == PgType::kVarbit;
  return is_bits ? typmod : typmod - kVarHeaderBytes;
}

int ColumnType::precision() const {
  return typmod < kVarHeaderBytes ? -1 : (typmod - kVarHeaderBytes) >> 16 & 0xffff;
}

int ColumnType::scale() const {
  if (typmod < kVarHeaderBytes) return -1;
  const int low = (typmod - kVarHeaderBytes) & 0x7ff;  // 11 bits, signed, since PostgreSQL 15
  return (low ^ 1024) - 1024;
}

int ColumnType::fraction_digits() const {
  constexpr int kDefault = 6;
  if (typmod < 0) return kDefault;
  if (type != PgType::kInterval) return typmod;
  const int low = typmod & 0xffff;  // INTERVAL_PRECISION; 0xffff = full
  return low == 0xffff ? kDefault : low;
}

uint64_t next_schema_version() {
  static std::atomic<uint64_t> last{0};
  return last.fetch_add(1) + 1;
}

}  // namespace millrace
