// Java's .properties: what was read, written with escapes, reads the same.
#include <string>

#include "config/pipeline_forms.h"
#include "fuzz.h"
#include "settings_check.h"

namespace millrace::fuzz {

namespace {

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '\t':
        out += "\\t";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\f':
        out += "\\f";
        break;
      case '\\':
      case ' ':
      case '=':
      case ':':
      case '#':
      case '!':
        out += '\\';
        [[fallthrough]];
      default:
        out += c;
    }
  }
  return out;
}

}  // namespace

void fuzz_one(std::string_view input) {
  const ExactCopy text(input);
  Problems problems;
  const FlatFile flat = read_properties(text.view(), "f", problems);
  require_lines(flat, text.view());
  std::string again;
  for (const FlatEntry& entry : flat.entries)
    again += escaped(entry.key) + "=" + escaped(entry.value) + "\n";
  Problems none;
  const FlatFile reread = read_properties(again, "f", none);
  require(none.empty() && same_entries(flat, reread), "what was read can be written and read");
  PipelineConfig connector;
  take_connector(settings_of(flat), {}, connector, none);
  PipelineConfig server;
  take_debezium_server(settings_of(flat), {}, server, none);
}

}  // namespace millrace::fuzz
