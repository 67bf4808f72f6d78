// A configuration file as a list of flat keys, in the file's order: what the three forms have in
// common. Readers add a problem with line and column for text that is malformed, and never show a
// value.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/field.h"

namespace millrace {

struct FlatEntry {
  std::string key;
  std::string value;
  size_t line = 0;  // from 1
};

struct FlatFile {
  std::vector<FlatEntry> entries;
  std::vector<FlatEntry> sections;  // .toml: each table's path, also of an empty one; no value
};

// Our own form. Nested tables are joined with '.'; a list of strings becomes their comma separated
// text.
FlatFile read_toml(std::string_view text, const std::string& file, Problems& problems);

// A Connect connector: {"key": "value", …} or {"name": …, "config": {…}}, of which the inner object
// is given, with the name. Numbers and booleans become text, null is left out.
FlatFile read_connector_json(std::string_view text, const std::string& file, Problems& problems);

// Java's .properties: # and ! comments; key = value, key : value or key value; \ before the end of
// the line continues it; \t \n \r \f, \uXXXX, and \ before any other character means that
// character. The text is UTF-8.
FlatFile read_properties(std::string_view text, const std::string& file, Problems& problems);

// "file:12", or "file:12:3" with a column.
std::string place(const std::string& file, size_t line, size_t column = 0);

}  // namespace millrace
