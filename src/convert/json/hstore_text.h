// PostgreSQL's hstore text: "key"=>"value", "other"=>NULL. Backslash escapes inside the quotes.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace millrace {

struct HstoreEntry {
  std::string key;
  std::optional<std::string> value;
};

// Entries in the order of java.util.HashMap, as Debezium writes them; nullopt when the text is
// broken.
std::optional<std::vector<HstoreEntry>> parse_hstore(std::string_view text);

}  // namespace millrace
