// A value of a row as the server sent it: a view, never a copy.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace millrace {

enum class DatumKind : uint8_t {
  kNull,
  kText,       // the type's text output, in UTF-8 (client_encoding)
  kUnchanged,  // TOASTed value that the update did not touch: unknown here
  kAbsent,     // not sent: a column outside the replica identity, or not captured
};

// Points into the batch's arena and dies with it.
struct Datum {
  const char* data = nullptr;
  uint32_t length = 0;
  DatumKind kind = DatumKind::kNull;

  std::string_view view() const { return {data, length}; }

  bool is_null() const { return kind == DatumKind::kNull; }

  bool has_value() const { return kind == DatumKind::kText; }
};

enum class TupleKind : uint8_t {
  kNone,  // no image
  kKey,   // pgoutput 'K': only the replica identity's columns are sent, the others are kAbsent
  kFull,  // pgoutput 'O' (REPLICA IDENTITY FULL), 'N', or a snapshot row
};

// One image of a row: as many values as the table has columns (TableSchema::columns), in that
// order.
struct Tuple {
  const Datum* values = nullptr;
  uint16_t count = 0;
  TupleKind kind = TupleKind::kNone;

  explicit operator bool() const { return kind != TupleKind::kNone; }

  const Datum& operator[](size_t i) const { return values[i]; }

  std::span<const Datum> span() const { return {values, count}; }
};

}  // namespace millrace
