// PostgreSQL's array text, one level: {a,"b c",NULL}, also with bounds [0:1]={…}. Quoted elements
// have backslash escapes; an element that is itself an array comes with its braces.
// https://www.postgresql.org/docs/current/arrays.html#ARRAYS-IO
#pragma once

#include <string>
#include <string_view>

namespace millrace {

class ArrayReader {
 public:
  // delimiter: pg_type.typdelim of the elements
  explicit ArrayReader(std::string_view text, char delimiter = ',');

  // The next element; false at the end or when the text is broken (see ok()).
  bool next();

  bool ok() const { return ok_; }

  bool is_null() const { return is_null_; }

  bool is_nested() const { return is_nested_; }

  // Valid until the next call.
  std::string_view element() const { return element_; }

 private:
  bool read_quoted();
  bool read_nested();

  std::string_view left_;  // what follows the last element, without the closing brace
  std::string_view element_;
  std::string unescaped_;
  char delimiter_;
  bool first_ = true;
  bool ok_ = true;
  bool is_null_ = false;
  bool is_nested_ = false;
};

}  // namespace millrace
