// simdjson says that a text is malformed and, mostly, where; for what it finds before it walks the
// document (a string that does not end, a raw line break in one, bytes that are not UTF-8) the
// place is looked up here.
#include <simdjson.h>

#include <algorithm>

#include "config/flat_file.h"

namespace millrace {

namespace {

namespace json = simdjson::ondemand;

struct Place {
  size_t line = 1;
  size_t column = 1;
};

Place place_of(std::string_view text, size_t offset) {
  const std::string_view before = text.substr(0, std::min(offset, text.size()));
  const size_t line = static_cast<size_t>(std::ranges::count(before, '\n')) + 1;
  const size_t start = before.rfind('\n') == std::string_view::npos ? 0 : before.rfind('\n') + 1;
  return {line, before.size() - start + 1};
}

// Length of the UTF-8 character at text[at]; 0: it is none.
size_t utf8_length(std::string_view text, size_t at) {
  for (size_t n = 1; n <= 4 && at + n <= text.size(); ++n) {
    if (simdjson::validate_utf8(text.data() + at, n)) return n;
  }
  return 0;
}

// The first byte that cannot stand where it stands in any JSON text: within a string a control
// character or the end (then the string's start), anywhere a byte that is not UTF-8.
size_t first_bad_byte(std::string_view text) {
  bool in_string = false;
  size_t start = 0;
  for (size_t i = 0; i < text.size();) {
    const size_t length = utf8_length(text, i);
    if (length == 0) return i;
    const char c = text[i];
    if (in_string && static_cast<unsigned char>(c) < 0x20) return i;
    if (c == '"') {
      in_string = !in_string;
      start = i;
    }
    i += in_string && c == '\\' ? 2 : length;
  }
  return in_string ? start : text.size();
}

// Walks the document once. The first malformed byte ends it; a value of a wrong kind is one problem
// more.
class ConnectorReader {
 public:
  ConnectorReader(std::string_view text, const std::string& file, Problems& problems)
      : text_(text), padded_(text), file_(file), problems_(problems) {}

  FlatFile read() {
    json::document document;
    auto error = parser_.iterate(padded_).get(document);
    if (error) {
      malformed(error, first_bad_byte(text_));
      return {};
    }
    json::object object;
    error = document.get_object().get(object);
    if (!error) error = read_members(object, /*outer=*/true);
    const char* location = nullptr;
    const bool known = !document.current_location().get(location);  // unknown: at the end
    if (!error && known) error = simdjson::TRAILING_CONTENT;
    if (error) {
      const bool unended = error == simdjson::INCOMPLETE_ARRAY_OR_OBJECT;
      malformed(error, known && !unended ? offset_of(location) : last_character());
      return {};
    }
    return wrapped_ ? with_outer_name() : std::move(flat_);
  }

 private:
  size_t offset_of(const char* location) const {
    return static_cast<size_t>(location - padded_.data());
  }

  // Of members in their order: each stretch of the text is counted once.
  size_t line_at(size_t offset) {
    line_ +=
        static_cast<size_t>(std::ranges::count(text_.substr(counted_, offset - counted_), '\n'));
    counted_ = offset;
    return line_;
  }

  size_t last_character() const { return text_.find_last_not_of(" \t\r\n"); }

  simdjson::error_code read_members(json::object object, bool outer) {
    for (auto member : object) {
      json::field field;
      if (const auto error = std::move(member).get(field)) return error;
      std::string_view key;
      const size_t line = line_at(offset_of(field.key().raw()));
      if (const auto error = field.unescaped_key().get(key)) return error;
      if (const auto error = read_value(std::string(key), line, field.value(), outer)) return error;
    }
    return simdjson::SUCCESS;
  }

  simdjson::error_code read_value(const std::string& key, size_t line, json::value value,
                                  bool outer) {
    json::json_type type{};
    if (const auto error = value.type().get(type)) return error;
    FlatFile& to = outer ? flat_ : inner_;
    switch (type) {
      case json::json_type::null: {
        bool null = false;
        if (const auto error = value.is_null().get(null)) return error;
        return null ? simdjson::SUCCESS : simdjson::N_ATOM_ERROR;
      }
      case json::json_type::string: {
        std::string_view text;
        if (const auto error = value.get_string().get(text)) return error;
        to.entries.push_back({key, std::string(text), line});
        return simdjson::SUCCESS;
      }
      case json::json_type::boolean: {
        bool truth = false;
        if (const auto error = value.get_bool().get(truth)) return error;
        to.entries.push_back({key, truth ? "true" : "false", line});
        return simdjson::SUCCESS;
      }
      case json::json_type::number:
        return read_number(key, line, value, to);
      case json::json_type::object:
        if (outer && key == "config") return read_config(value);
        break;
      case json::json_type::array:
        break;
    }
    problems_.push_back({Problem::Severity::kError, key, place(file_, line),
                         "must be a string, a number, a boolean or null",
                         "write a list as one string, its items separated by commas"});
    return simdjson::SUCCESS;  // simdjson steps over what was not read
  }

  simdjson::error_code read_number(const std::string& key, size_t line, json::value value,
                                   FlatFile& to) {
    std::string_view digits = value.raw_json_token();
    digits = digits.substr(0, digits.find_last_not_of(" \t\r\n") + 1);
    json::number number;
    if (const auto error = value.get_number().get(number)) return error;
    to.entries.push_back({key, std::string(digits), line});
    return simdjson::SUCCESS;
  }

  simdjson::error_code read_config(json::value value) {
    wrapped_ = true;
    json::object object;
    if (const auto error = value.get_object().get(object)) return error;
    return read_members(object, /*outer=*/false);
  }

  // {"name": …, "config": {…}}: the connector's name stands outside, and may be repeated inside.
  FlatFile with_outer_name() {
    for (const FlatEntry& outer : flat_.entries) {
      if (outer.key != "name") {
        problems_.push_back({Problem::Severity::kWarning, outer.key, place(file_, outer.line),
                             "stands beside \"config\" and is ignored", "move it into \"config\""});
        continue;
      }
      const auto repeated = std::ranges::find(inner_.entries, "name", &FlatEntry::key);
      if (repeated == inner_.entries.end()) {
        inner_.entries.push_back(outer);
      } else if (repeated->value != outer.value) {
        problems_.push_back(
            {Problem::Severity::kError, "name", place(file_, repeated->line),
             "is \"" + repeated->value + "\" in \"config\" and \"" + outer.value + "\" outside",
             "leave it out of \"config\""});
      }
    }
    return std::move(inner_);
  }

  void malformed(simdjson::error_code error, size_t offset) {
    const Place where = place_of(text_, offset);
    problems_.push_back({Problem::Severity::kError, "", place(file_, where.line, where.column),
                         sentence(error), "correct the JSON text there"});
  }

  static std::string sentence(simdjson::error_code error) {
    switch (error) {
      case simdjson::EMPTY:
        return "the file is empty";
      case simdjson::UTF8_ERROR:
        return "is not UTF-8";
      case simdjson::UNCLOSED_STRING:
        return "the string that starts here does not end";
      case simdjson::UNESCAPED_CHARS:
        return "a line break or control character stands inside a string (is a quote missing?)";
      case simdjson::INCORRECT_TYPE:
        return "is not a JSON object";
      case simdjson::INCOMPLETE_ARRAY_OR_OBJECT:
        return "the text does not end with the } of its object";
      case simdjson::TRAILING_CONTENT:
        return "something follows the end of the JSON object";
      default:
        return "is malformed JSON";
    }
  }

  std::string_view text_;
  simdjson::padded_string padded_;
  const std::string& file_;
  Problems& problems_;
  json::parser parser_;
  FlatFile flat_;   // members of the outermost object
  FlatFile inner_;  // members of "config"
  bool wrapped_ = false;
  size_t line_ = 1;  // at counted_
  size_t counted_ = 0;
};

}  // namespace

FlatFile read_connector_json(std::string_view text, const std::string& file, Problems& problems) {
  ConnectorReader reader(text, file, problems);
  return reader.read();
}

}  // namespace millrace
