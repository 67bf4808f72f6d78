// A list of regexes as Debezium's settings have it: comma separated, white space around an item is
// trimmed, "\," is a comma within an item; each must match the whole name, without regard to case.
// RE2 reads them: Java's own constructs (lookaround, back-references, possessive quantifiers) are
// errors.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace re2 {
class RE2;
}

namespace millrace {

class RegexList {
 public:
  // `setting` names the list in errors.
  static Result<RegexList> make(std::string_view setting, std::string_view text);
  // Of a list that was split at every comma, also at escaped ones.
  static Result<RegexList> make(std::string_view setting, std::span<const std::string> items);

  bool empty() const { return items_.empty(); }

  bool matches(std::string_view name) const;

  // The items as they were written, in their order.
  const std::vector<std::string>& items() const { return items_; }

  bool item_matches(size_t item, std::string_view name) const;

 private:
  std::vector<std::string> items_;
  std::vector<std::shared_ptr<const re2::RE2>> regexes_;
};

// One anchored regex without regard to case; `setting` names it in errors.
Result<std::shared_ptr<const re2::RE2>> compile_regex(std::string_view setting,
                                                      const std::string& regex);
bool regex_matches(const re2::RE2& regex, std::string_view name);

}  // namespace millrace
