#include <toml++/toml.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "config/flat_file.h"

namespace millrace {

namespace {

// A comma inside an item of a list is written "\," in the list's text (see set_value).
std::string escaped_item(std::string_view item) {
  std::string out;
  for (char c : item) {
    if (c == ',') out += '\\';
    out += c;
  }
  return out;
}

// The text of a scalar; nullopt: a date, a table or a list.
std::optional<std::string> scalar_text(const toml::node& node) {
  if (const auto* text = node.as_string()) return text->get();
  if (const auto* number = node.as_integer()) return std::to_string(number->get());
  if (const auto* truth = node.as_boolean()) return truth->get() ? "true" : "false";
  if (const auto* number = node.as_floating_point(); number && std::isfinite(number->get())) {
    char digits[32];
    return std::string(digits, std::to_chars(digits, digits + sizeof digits, number->get()).ptr);
  }
  return std::nullopt;
}

std::optional<std::string> list_text(const toml::array& list) {
  std::string out;
  for (const toml::node& item : list) {
    const auto text = scalar_text(item);
    if (!text) return std::nullopt;
    if (!out.empty()) out += ',';
    out += escaped_item(*text);
  }
  return out;
}

size_t line_of(const toml::node& node) {
  return node.source().begin.line;
}

class Flattener {
 public:
  Flattener(const std::string& file, Problems& problems) : file_(file), problems_(problems) {}

  void walk(const toml::table& table, const std::string& prefix, size_t depth = 0) {
    for (const auto& [name, node] : table) {
      const std::string key = prefix + std::string(name.str());
      const size_t line = name.source().begin.line;
      if (const auto* inner = node.as_table()) {
        out_.sections.push_back({key, "", line_of(node)});
        if (depth < kDeepest)
          walk(*inner, key + ".", depth + 1);
        else
          too_deep(line);
        continue;
      }
      const auto text = node.is_array() ? list_text(*node.as_array()) : scalar_text(node);
      if (text) {
        out_.entries.push_back({key, *text, line});
      } else {
        problems_.push_back({Problem::Severity::kError, key, place(file_, line),
                             "must be a string, a number, a boolean or a list of these",
                             "put dates and nested lists in quotes"});
      }
    }
  }

  FlatFile sorted() {
    std::ranges::stable_sort(out_.entries, {}, &FlatEntry::line);
    std::ranges::stable_sort(out_.sections, {}, &FlatEntry::line);
    return std::move(out_);
  }

 private:
  // Each level's name holds those above it.
  static constexpr size_t kDeepest = 64;

  void too_deep(size_t line) {
    problems_.push_back({Problem::Severity::kError, "", place(file_, line),
                         "has a name of more than 64 parts", "shorten it"});
  }

  const std::string& file_;
  Problems& problems_;
  FlatFile out_;
};

std::string_view line_text(std::string_view text, size_t line) {
  for (size_t n = 1; n < line && !text.empty(); ++n) {
    text.remove_prefix(std::min(text.find('\n'), text.size() - 1) + 1);
  }
  return text.substr(0, text.find_first_of("\r\n"));
}

// The key of "key = value" or "[key]", as it is written there.
std::string_view written_key(std::string_view line) {
  line.remove_prefix(std::min(line.find_first_not_of(" \t["), line.size()));
  line = line.substr(0, line.find_first_of("=]"));
  return line.substr(0, line.find_last_not_of(" \t") + 1);
}

// toml++ reports a name that is a value and a prefix as a redefinition. TOML cannot nest a table in
// a value, so the longer name has to be one quoted key.
Problem explain(const toml::parse_error& error, std::string_view text, const std::string& file) {
  const auto where = error.source().begin;
  const std::string_view description = error.description();
  Problem out{Problem::Severity::kError, "", place(file, where.line, where.column),
              std::string(description), "correct the TOML text there"};
  if (description.find("cannot redefine existing") == std::string_view::npos) return out;
  const std::string key(written_key(line_text(text, where.line)));
  const auto says = [&](std::string_view part) {
    return description.find(part) != std::string_view::npos;
  };
  out.key = key;
  const bool header =
      line_text(text, where.line).find('[') == line_text(text, where.line).find_first_not_of(" \t");
  if (says("as dotted") && key.find('"') == std::string::npos) {
    out.message = "begins with a name that has a value already";
    out.cure = "quote the longer name: \"" + key + "\" = …";
  } else if (says("existing table") && !header) {
    out.message = "has a value here, and above it is the beginning of longer names";
    out.cure = "quote the longer names, as \"" + key + ".….\" = …";
  } else if (says("existing table")) {
    out.message = "the table [" + key + "] is begun twice, or after keys that begin with its name";
    out.cure =
        "write its keys in one place; quote those that begin with a name that has a value, as "
        "\"key.converter.schemas.enable\" = true";
  } else if (says("as table")) {
    out.message = "is a table here, and has a value above";
    out.cure = "leave [" + key +
               "] out and quote the longer names in the table above it, as "
               "\"key.converter.schemas.enable\" = true";
  } else {
    out.message = "is there twice";
    out.cure = "remove one of them";
  }
  return out;
}

}  // namespace

FlatFile read_toml(std::string_view text, const std::string& file, Problems& problems) {
  try {
    const toml::table table = toml::parse(text, file);
    Flattener flattener(file, problems);
    flattener.walk(table, "");
    return flattener.sorted();
  } catch (const toml::parse_error& error) {
    problems.push_back(explain(error, text, file));
    return {};
  }
}

}  // namespace millrace
