// One message of COPY … TO STDOUT (FORMAT binary): a row, and before the first one the header.
// https://www.postgresql.org/docs/current/sql-copy.html (File Formats, Binary Format)
//
//   message = [ header ] ( row | trailer )
//   header  = "PGCOPY\n\377\r\n\0" flags:u32 length:u32 *byte
//   row     = count:i16 *( length:i32 *byte )   (length -1: null)
//   trailer = -1:i16
//
// Sticky: after the first fault, or after the last field, every field() is null and ok() is false.
#pragma once

#include <optional>
#include <string_view>

#include "base/arena.h"
#include "base/byte_reader.h"
#include "event/value.h"
#include "source/postgres/binary_text.h"

namespace millrace {

class CopyBinaryReader {
 public:
  // The row in a message; nullopt: it is the trailer.
  static std::optional<std::string_view> row_in(std::string_view message);

  // Copies `row` into `arena`; the values point there and live as long as it.
  CopyBinaryReader(std::string_view row, Arena& arena);

  // The next value, as the text that the server would have sent.
  Datum field(binary::Render render);

  // All fields were read, and nothing was wrong.
  bool complete() const { return ok_ && in_.ok() && left_ == 0 && in_.left() == 0; }

 private:
  Datum fail();

  Arena& arena_;
  ByteReader in_;
  int left_ = 0;  // fields
  bool ok_ = true;
};

}  // namespace millrace
