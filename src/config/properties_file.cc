#include <cstdint>
#include <optional>

#include "config/flat_file.h"

namespace millrace {

namespace {

constexpr std::string_view kBlank = " \t\f";

// Lines joined where a backslash ends one; comments and blank lines are left out.
class LogicalLines {
 public:
  explicit LogicalLines(std::string_view text) : text_(text) {}

  bool next(std::string& line) {
    line.clear();
    while (at_ < text_.size()) {
      std::string_view part = natural_line();
      if (line_start_of_comment(part)) continue;
      first_ = line_;
      line = part;
      while (ends_with_odd_backslashes(part) && at_ < text_.size()) {
        line.pop_back();
        part = without_indent(natural_line());
        line += part;
      }
      if (ends_with_odd_backslashes(part)) line.pop_back();
      return true;
    }
    return false;
  }

  size_t first() const { return first_; }

 private:
  std::string_view natural_line() {
    const size_t end = std::min(text_.find_first_of("\r\n", at_), text_.size());
    const std::string_view line = text_.substr(at_, end - at_);
    at_ = end;
    if (at_ < text_.size()) at_ += text_.substr(at_).starts_with("\r\n") ? 2 : 1;
    ++line_;
    return line;
  }

  static std::string_view without_indent(std::string_view line) {
    line.remove_prefix(std::min(line.find_first_not_of(kBlank), line.size()));
    return line;
  }

  static bool line_start_of_comment(std::string_view& line) {
    line = without_indent(line);
    return line.empty() || line[0] == '#' || line[0] == '!';
  }

  static bool ends_with_odd_backslashes(std::string_view line) {
    size_t count = 0;
    while (count < line.size() && line[line.size() - 1 - count] == '\\')
      ++count;
    return count % 2 == 1;
  }

  std::string_view text_;
  size_t at_ = 0;
  size_t line_ = 0;
  size_t first_ = 0;
};

void append_utf8(std::string& out, uint32_t code) {
  const auto byte = [&](uint32_t bits) { out += static_cast<char>(bits); };
  if (code < 0x80) {
    byte(code);
  } else if (code < 0x800) {
    byte(0xC0 | code >> 6);
    byte(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    byte(0xE0 | code >> 12);
    byte(0x80 | (code >> 6 & 0x3F));
    byte(0x80 | (code & 0x3F));
  } else {
    byte(0xF0 | code >> 18);
    byte(0x80 | (code >> 12 & 0x3F));
    byte(0x80 | (code >> 6 & 0x3F));
    byte(0x80 | (code & 0x3F));
  }
}

std::optional<uint32_t> four_hex_digits(std::string_view text) {
  if (text.size() < 4) return std::nullopt;
  uint32_t code = 0;
  for (char c : text.substr(0, 4)) {
    const size_t digit = std::string_view("0123456789abcdef").find(static_cast<char>(c | 0x20));
    const bool number = c >= '0' && c <= '9';
    const bool letter = (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
    if (!number && !letter) return std::nullopt;
    code = code << 4 | static_cast<uint32_t>(number ? static_cast<size_t>(c - '0') : digit);
  }
  return code;
}

// The code point of \uXXXX at text[at] (its 'u'), or of two of them that are a surrogate pair;
// moves `at` to the last character read.
std::optional<uint32_t> unicode_escape(std::string_view text, size_t& at) {
  const auto high = four_hex_digits(text.substr(at + 1));
  if (!high) return std::nullopt;
  at += 4;
  const bool surrogate = *high >= 0xD800 && *high < 0xE000;
  if (!surrogate) return high;
  if (*high >= 0xDC00 || !text.substr(at + 1).starts_with("\\u")) return std::nullopt;
  const auto low = four_hex_digits(text.substr(at + 3));
  if (!low || *low < 0xDC00 || *low >= 0xE000) return std::nullopt;
  at += 6;
  return 0x10000 + ((*high - 0xD800) << 10) + (*low - 0xDC00);
}

// Without the backslashes; nullopt: a \u that four hex digits do not follow.
std::optional<std::string> unescaped(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\' || i + 1 == text.size()) {
      out += text[i];
      continue;
    }
    switch (text[++i]) {
      case 't':
        out += '\t';
        break;
      case 'n':
        out += '\n';
        break;
      case 'r':
        out += '\r';
        break;
      case 'f':
        out += '\f';
        break;
      case 'u': {
        const auto code = unicode_escape(text, i);
        if (!code) return std::nullopt;
        append_utf8(out, *code);
        break;
      }
      default:
        out += text[i];
    }
  }
  return out;
}

// Where the key ends: at the first blank, '=' or ':' that no backslash protects.
size_t end_of_key(std::string_view line) {
  size_t i = 0;
  while (i < line.size() && (kBlank.find(line[i]) == std::string_view::npos) && line[i] != '=' &&
         line[i] != ':') {
    i += line[i] == '\\' ? 2 : 1;
  }
  return std::min(i, line.size());
}

std::string_view value_after(std::string_view line, size_t key_end) {
  std::string_view rest = line.substr(key_end);
  rest.remove_prefix(std::min(rest.find_first_not_of(kBlank), rest.size()));
  if (!rest.empty() && (rest[0] == '=' || rest[0] == ':')) rest.remove_prefix(1);
  rest.remove_prefix(std::min(rest.find_first_not_of(kBlank), rest.size()));
  return rest;
}

}  // namespace

std::string place(const std::string& file, size_t line, size_t column) {
  std::string out = file + ":" + std::to_string(line);
  if (column > 0) out += ":" + std::to_string(column);
  return out;
}

FlatFile read_properties(std::string_view text, const std::string& file, Problems& problems) {
  FlatFile out;
  LogicalLines lines(text);
  std::string line;
  while (lines.next(line)) {
    const size_t key_end = end_of_key(line);
    auto key = unescaped(std::string_view(line).substr(0, key_end));
    auto value = unescaped(value_after(line, key_end));
    if (!key || !value) {
      problems.push_back({Problem::Severity::kError, key.value_or(""), place(file, lines.first()),
                          "has a \\u that is not followed by the four hex digits of a character",
                          "write \\\\u for a backslash and a u"});
      continue;
    }
    out.entries.push_back({std::move(*key), std::move(*value), lines.first()});
  }
  return out;
}

}  // namespace millrace
