// A column's default as the schema tells it. Debezium does not evaluate the expression: it takes
// what stands between its first two quotes, or all of it, and a fixed value where it looks like a
// function.
#pragma once

#include <optional>
#include <string>

#include "event/schema.h"

namespace millrace {

// Text for the column's ValueEncoding; nullopt when the schema has no default.
std::optional<std::string> default_text(const Column& column);

}  // namespace millrace
