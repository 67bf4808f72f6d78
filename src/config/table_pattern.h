// Patterns of Debezium's lists: Java regexes on schema.table, matched whole and without regard to
// case.
#pragma once

#include <string>
#include <string_view>

namespace millrace {

// "" or what is wrong with one pattern.
std::string check_pattern(std::string_view pattern);
// The same for a comma separated list of them; a FieldCheck.
std::string check_patterns(std::string_view list);

}  // namespace millrace
