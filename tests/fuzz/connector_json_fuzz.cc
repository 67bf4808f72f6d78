// A Connect connector's JSON: what is read is JSON, and written anew reads the same.
#include <string>

#include "base/json_text.h"
#include "config/pipeline_forms.h"
#include "fuzz.h"
#include "settings_check.h"

namespace millrace::fuzz {

void fuzz_one(std::string_view input) {
  const ExactCopy text(input);
  Problems problems;
  const FlatFile flat = read_connector_json(text.view(), "f", problems);
  require(!problems.empty() || is_json(text.view()), "what is taken without a word is JSON");
  if (!problems.empty()) return;
  require_lines(flat, text.view());
  std::string again = "{";
  for (const FlatEntry& entry : flat.entries) {
    if (again.size() > 1) again += ",\n";
    again += json_quoted(entry.key) + ": " + json_quoted(entry.value);
  }
  again += "}";
  Problems none;
  // The wrapped form's "name" moves, and what is called "config" would be a wrapper that is none.
  const FlatFile reread = read_connector_json(again, "f", none);
  require(none.empty() && same_entries(flat, reread), "what was read can be written and read");
  PipelineConfig config;
  take_connector(settings_of(flat), {}, config, none);
}

}  // namespace millrace::fuzz
