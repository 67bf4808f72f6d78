#include "sink/record_line.h"

#include "base/json_text.h"

namespace millrace {

namespace {

void append_verbatim(std::string& out, std::string_view json) {
  out += json.data() == nullptr ? std::string_view("null") : json;
}

}  // namespace

void append_record_line(std::string& out, const Record& record) {
  out += R"({"topic":)";
  append_json_string(out, record.topic);
  if (record.partition >= 0) {
    out += R"(,"partition":)";
    out += std::to_string(record.partition);
  }
  out += R"(,"key":)";
  append_verbatim(out, record.key);
  out += R"(,"value":)";
  append_verbatim(out, record.value);
  out += R"(,"headers":[)";
  bool first = true;
  for (const Header& header : record.headers) {
    if (!first) out += ',';
    first = false;
    out += R"({"key":)";
    append_json_string(out, header.name);
    out += R"(,"value":)";
    append_verbatim(out, header.value);
    out += '}';
  }
  out += "]}\n";
}

}  // namespace millrace
