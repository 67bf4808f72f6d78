// A value's text → DuckDB's vectors, for every storage type. No DuckDB: the vector is one slot
// here. Dates, times and intervals are also read by the JSON converter's reader, another one: where
// both take a text, they agree. An input is three bytes of choices and the text.
#include <cstring>
#include <string>

#include "convert/json/decimal.h"
#include "convert/json/interval.h"
#include "convert/json/temporal.h"
#include "fuzz.h"
#include "wire/duckdb/postgres_text.h"
#include "wire/duckdb/temporal_text.h"
#include "wire/duckdb/value_writer.h"

namespace millrace::fuzz {

namespace {

struct Slot {
  alignas(16) char number[16] = {};
  std::string bytes;
  uint64_t validity = ~uint64_t{0};
};

Slot* slot_of(duckdb::VectorHandle vector) {
  return reinterpret_cast<Slot*>(vector);
}

duckdb::Api one_slot_api() {
  duckdb::Api api{};
  api.vector_get_data = [](duckdb::VectorHandle v) -> void* { return slot_of(v)->number; };
  api.vector_get_validity = [](duckdb::VectorHandle v) { return &slot_of(v)->validity; };
  api.vector_ensure_validity_writable = [](duckdb::VectorHandle) {};
  api.vector_assign_string_element_len = [](duckdb::VectorHandle v, uint64_t, const char* bytes,
                                            uint64_t size) {
    slot_of(v)->bytes.assign(bytes, size);
  };
  return api;
}

void compare_dates(std::string_view text) {
  const auto day = duckdb::parse_date(text);
  if (!day || text.ends_with("infinity")) return;
  DateText date;
  require(parse_date(text, date), "the converter reads the date that the warehouse takes");
  require(epoch_day(date.date) == *day, "both mean the same day");
}

void compare_timestamps(std::string_view text, bool zoned) {
  const auto micros = zoned ? duckdb::parse_timestamptz(text) : duckdb::parse_timestamp(text);
  if (!micros || text.ends_with("infinity")) return;
  Instant instant;
  const bool read = zoned ? parse_timestamp_with_zone(text, false, instant)
                          : parse_timestamp(text, false, instant);
  require(read, "the converter reads the timestamp that the warehouse takes");
  const int64_t seconds = (*micros - instant.micros) / kMicrosPerSecond;
  require(instant.seconds == seconds, "both mean the same second");
  require((*micros - instant.micros) % kMicrosPerSecond == 0, "and the same microsecond");
}

void compare_times(std::string_view text) {
  const auto micros = duckdb::parse_time(text);
  if (!micros) return;
  int64_t other = 0;
  require(parse_time(text, other), "the converter reads the time that the warehouse takes");
  require(other == *micros, "both mean the same time");
}

void compare_intervals(std::string_view text) {
  const auto value = duckdb::parse_interval(text);
  if (!value) return;
  IntervalParts parts;
  require(parse_interval(text, parts), "the converter reads the interval that the warehouse takes");
}

// Of a text that is a number, as the server's are.
void compare_canonical(std::string_view text) {
  Decimal number;
  if (!parse_decimal(text, number)) return;
  for (const PgType column : {PgType::kFloat4, PgType::kFloat8, PgType::kNumeric}) {
    ColumnType type;
    type.type = column;
    const std::string canonical = duckdb::canonical_text(type, text);
    require(duckdb::canonical_text(type, canonical) == canonical, "a canonical text stays itself");
  }
}

}  // namespace

void fuzz_one(std::string_view input) {
  static const duckdb::Api kApi = one_slot_api();
  Input in(input);
  duckdb::StorageType type;
  type.kind =
      static_cast<duckdb::Storage>(in.choice(static_cast<size_t>(duckdb::Storage::kOther) + 1));
  type.width = static_cast<uint8_t>(1 + in.choice(38));
  type.scale = static_cast<uint8_t>(in.choice(type.width + size_t{1}));
  const ExactCopy text(in.rest());
  Slot slot;
  duckdb::Slots slots(kApi, reinterpret_cast<duckdb::VectorHandle>(&slot));
  const char* wrong = duckdb::write_text(slots, 0, type, text.view());
  if (wrong == nullptr && type.kind == duckdb::Storage::kVarchar)
    require(slot.bytes == text.view(), "a text is kept as it is");
  compare_dates(text.view());
  compare_times(text.view());
  compare_timestamps(text.view(), false);
  compare_timestamps(text.view(), true);
  compare_intervals(text.view());
  compare_canonical(text.view());
}

}  // namespace millrace::fuzz
