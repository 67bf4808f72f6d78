#include "convert/json/names.h"

#include <fmt/format.h>

#include "convert/json/utf8.h"

namespace millrace {

namespace {

bool is_letter(uint32_t c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool is_digit(uint32_t c) {
  return c >= '0' && c <= '9';
}

template <class Visit>
void for_each_utf16(std::string_view text, Visit visit) {
  const char* end = text.data() + text.size();
  for (const char* at = text.data(); at != end;) {
    const CodePoint code = decode_utf8(at, end);
    if (code.value < 0x10000) {
      visit(code.value);
    } else {
      visit(0xd800 + ((code.value - 0x10000) >> 10));
      visit(0xdc00 + ((code.value - 0x10000) & 0x3ff));
    }
    at += code.bytes;
  }
}

std::string unicode_escape(uint32_t unit) {
  const std::string hex = fmt::format("{:x}", unit);
  return (hex.size() <= 2 ? "_u00" : "_u") + hex;
}

std::string adjusted(std::string_view name, NameAdjustment mode, bool dots_allowed) {
  if (mode == NameAdjustment::kNone) return std::string(name);
  const bool unicode = mode == NameAdjustment::kAvroUnicode;
  std::string out;
  bool first = true;
  for_each_utf16(name, [&](uint32_t unit) {
    const bool starts = is_letter(unit) || (unit == '_' && !unicode);
    const bool goes_on = starts || is_digit(unit) || (unit == '.' && dots_allowed);
    if (first ? starts : goes_on) {
      out += static_cast<char>(unit);
    } else {
      out += unicode ? unicode_escape(unit) : "_";
      if (first && is_digit(unit) && !unicode) out += static_cast<char>(unit);
    }
    first = false;
  });
  return out;
}

}  // namespace

std::string sanitized_topic(std::string_view name) {
  constexpr size_t kTopicCharactersMax = 249;
  std::string out;
  for_each_utf16(name, [&](uint32_t unit) {
    const bool valid =
        is_letter(unit) || is_digit(unit) || unit == '.' || unit == '_' || unit == '-';
    out += valid ? static_cast<char>(unit) : '_';
  });
  if (out.size() > kTopicCharactersMax) out.resize(kTopicCharactersMax);
  if (out == "." || out == "..") out.assign(out.size(), '_');
  return out;
}

std::string table_topic(const TableSchema& table, const JsonConverterConfig& config) {
  std::string name = config.topic_prefix + config.topic_delimiter;
  if (config.topic_naming == TopicNaming::kSchema) name += table.schema + config.topic_delimiter;
  return sanitized_topic(name + table.name);
}

std::string adjusted_schema_name(std::string_view name, NameAdjustment mode) {
  return adjusted(name, mode, true);
}

std::string adjusted_field_name(std::string_view name, NameAdjustment mode) {
  return adjusted(name, mode, false);
}

}  // namespace millrace
