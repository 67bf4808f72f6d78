#include "config/table_pattern.h"

#include <re2/re2.h>

#include <vector>

#include "config/field.h"

namespace millrace {

std::string check_pattern(std::string_view pattern) {
  RE2::Options quiet;
  quiet.set_log_errors(false);
  quiet.set_case_sensitive(false);
  const RE2 regex(re2::StringPiece(pattern.data(), pattern.size()), quiet);
  return regex.ok() ? "" : "is no regular expression: " + regex.error();
}

std::string check_patterns(std::string_view list) {
  std::vector<std::string> patterns;
  std::string wrong = set_value(patterns, list);
  for (const std::string& pattern : patterns) {
    if (wrong.empty()) wrong = check_pattern(pattern);
  }
  return wrong;
}

}  // namespace millrace
