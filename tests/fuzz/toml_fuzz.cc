// Our own form of configuration: what was read, written with every key quoted, reads the same.
#include <string>

#include "base/json_text.h"
#include "config/pipeline_forms.h"
#include "fuzz.h"
#include "settings_check.h"

namespace millrace::fuzz {

namespace {

// TOML's basic string is JSON's, but that DEL must be escaped too.
std::string quoted(std::string_view text) {
  std::string out;
  for (const char c : json_quoted(text)) {
    if (c == '\x7f')
      out += "\\u007F";
    else
      out += c;
  }
  return out;
}

bool has_twice(const Settings& settings, const FlatFile& flat) {
  size_t count = 0;
  for ([[maybe_unused]] const auto& entry : settings)
    ++count;
  return count != flat.entries.size();
}

// toml++ marks as unreachable what it reaches when it asks whether U+00A0 … U+0499, U+2C5E … U+3057
// or U+FB26 … U+FEFF is white space. Nothing comes of it as it is compiled, but the sanitizer sees
// it.
bool meets_gap_of_the_library(std::string_view text) {
  for (size_t at = 0; at + 1 < text.size(); ++at) {
    const auto first = static_cast<unsigned char>(text[at]);
    const auto second = static_cast<unsigned char>(text[at + 1]);
    const bool meets = (first >= 0xC2 && first <= 0xD2) || (first == 0xE2 && second >= 0xB1) ||
                       (first == 0xE3 && second <= 0x81) ||
                       (first == 0xEF && second >= 0xAC && second <= 0xBB);
    if (meets) return true;
  }
  return false;
}

}  // namespace

void fuzz_one(std::string_view input) {
  if (meets_gap_of_the_library(input)) return;
  const ExactCopy text(input);
  Problems problems;
  const FlatFile flat = read_toml(text.view(), "f", problems);
  if (!problems.empty()) return;
  require_lines(flat, text.view());
  const Settings settings = settings_of(flat);
  if (!has_twice(settings, flat)) {  // a.b = 1 and "a.b" = 1 are two keys of TOML's, one of ours
    std::string again;
    for (const FlatEntry& entry : flat.entries)
      again += quoted(entry.key) + " = " + quoted(entry.value) + "\n";
    Problems none;
    const FlatFile reread = read_toml(again, "f", none);
    require(none.empty() && same_entries(flat, reread), "what was read can be written and read");
  }
  PipelineConfig config;
  take_toml(settings, flat.sections, {}, config, problems);
}

}  // namespace millrace::fuzz
