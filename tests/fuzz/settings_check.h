// What is done with a configuration's flat entries, whatever file they stood in: the checks that
// the targets of the three forms share.
#pragma once

#include "config/flat_file.h"
#include "fuzz.h"

namespace millrace::fuzz {

inline bool same_entries(const FlatFile& a, const FlatFile& b) {
  if (a.entries.size() != b.entries.size()) return false;
  for (size_t i = 0; i < a.entries.size(); ++i) {
    if (a.entries[i].key != b.entries[i].key || a.entries[i].value != b.entries[i].value)
      return false;
  }
  return true;
}

inline Settings settings_of(const FlatFile& flat) {
  Settings out;
  for (const FlatEntry& entry : flat.entries)
    out.set(entry.key, entry.value, place("f", entry.line));
  return out;
}

// Lines are counted from 1, in a text of so many.
inline void require_lines(const FlatFile& flat, std::string_view text) {
  size_t lines = 1;
  for (const char c : text)
    lines += c == '\n' || c == '\r' ? 1 : 0;
  for (const FlatEntry& entry : flat.entries)
    require(entry.line >= 1 && entry.line <= lines, "an entry stands on a line of the text");
}

}  // namespace millrace::fuzz
