// One row of COPY … TO STDOUT in text format.
// https://www.postgresql.org/docs/current/sql-copy.html (File Formats, Text Format)
//
//   row    = field *( TAB field ) [ LF ]
//   field  = "\N" (null) | *( byte | escape )
//   escape = "\b" "\f" "\n" "\r" "\t" "\v" | "\" 1*3octal | "\x" 1*2hex | "\" any other byte:
//   itself
//
// Sticky: after the first fault, or after the last field, every field() is null and ok() is false.
#pragma once

#include <string_view>

#include "base/arena.h"
#include "event/value.h"

namespace millrace {

class CopyTextReader {
 public:
  // Copies `row` into `arena`; the values point there and live as long as it.
  CopyTextReader(std::string_view row, Arena& arena);

  Datum field();

  // All fields were read, and nothing was wrong. The row of a table without columns is one empty
  // field.
  bool complete() const { return ok_ && at_end_; }

  bool ok() const { return ok_; }

 private:
  Datum fail();
  // Steps over a field that is \N and nothing else.
  bool take_null();
  // Unescapes from at_ to the end of the field; `to` is where the next byte goes. Gives the end.
  char* unescape_rest(char* to);
  bool escape(char*& to);

  char* at_;
  char* end_;
  bool ok_ = true;
  bool at_end_ = false;
};

}  // namespace millrace
