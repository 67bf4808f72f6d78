#include "config/describe.h"

#include <algorithm>
#include <array>

namespace millrace {

namespace {

constexpr std::string_view kHidden = "[hidden]";

// '|' ends a cell of a Markdown table.
std::string cell(std::string_view text) {
  std::string out;
  for (char c : text) {
    if (c == '|') out += '\\';
    out += c == '\n' ? ' ' : c;
  }
  return out;
}

std::string type_of(const FieldSpec& spec) {
  if (spec.type != "enum") return std::string(spec.type);
  return "one of " + spec.allowed();
}

std::string default_of(const FieldSpec& spec, const void* defaults) {
  if (spec.options.required) return "required";
  const std::string value = spec.get(defaults);
  return value.empty() ? "none" : value;
}

std::string meaning_of(const FieldSpec& spec) {
  std::string out(spec.options.doc);
  if (!spec.options.old_names.empty()) {
    out += " (Debezium 1.x: " + std::string(spec.options.old_names) + ")";
  }
  return out;
}

std::vector<const FieldSpec*> required_first(std::span<const FieldSpec> fields) {
  std::vector<const FieldSpec*> out;
  for (const FieldSpec& spec : fields)
    out.push_back(&spec);
  std::ranges::stable_partition(out, [](const FieldSpec* spec) { return spec->options.required; });
  return out;
}

std::string wrapped(std::string_view text, size_t width, std::string_view indent) {
  std::string out(indent);
  size_t column = indent.size();
  while (!text.empty()) {
    const size_t end = std::min(text.find(' '), text.size());
    if (column > indent.size() && column + 1 + end > width) {
      out += "\n" + std::string(indent);
      column = indent.size();
    } else if (column > indent.size()) {
      out += ' ';
      ++column;
    }
    out += text.substr(0, end);
    column += end;
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return out + "\n";
}

}  // namespace

std::string markdown_table(std::span<const FieldSpec> fields, const void* defaults) {
  std::string out = "| setting | type | default | meaning |\n|---|---|---|---|\n";
  for (const FieldSpec* spec : required_first(fields)) {
    const std::string fallback = default_of(*spec, defaults);
    const bool word = fallback == "required" || fallback == "none";
    out += "| `" + std::string(spec->name) + "` | " + cell(type_of(*spec)) + " | " +
           (word ? fallback : "`" + cell(fallback) + "`") + " | " + cell(meaning_of(*spec)) +
           " |\n";
  }
  return out;
}

std::string terminal_help(std::span<const FieldSpec> fields, const void* defaults, size_t width) {
  std::string out;
  for (const FieldSpec* spec : required_first(fields)) {
    const std::string fallback = default_of(*spec, defaults);
    out += "  " + std::string(spec->name) + "  (" + type_of(*spec) + "; " +
           (fallback == "required" ? fallback : "default: " + fallback) + ")\n" +
           wrapped(meaning_of(*spec), width, "      ");
  }
  return out;
}

std::vector<std::pair<std::string, std::string>> shown_values(std::span<const FieldSpec> fields,
                                                              const void* config,
                                                              const Settings& settings) {
  std::vector<std::pair<std::string, std::string>> out;
  for (const FieldSpec& spec : fields) {
    const Setting* setting = settings.find(spec.name);
    const bool hidden = setting != nullptr && setting->hidden;
    out.emplace_back(spec.name, hidden ? std::string(kHidden) : spec.get(config));
  }
  return out;
}

std::string shown_value(std::string_view key, const Setting& setting) {
  constexpr std::array<std::string_view, 7> kWords = {
      "password", "passphrase", "secret", "token", "credential", "jaas", "access.key"};
  std::string lower(key);
  std::ranges::transform(lower, lower.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  });
  const bool secret = std::ranges::any_of(
      kWords, [&](std::string_view word) { return lower.find(word) != std::string::npos; });
  return setting.hidden || secret ? std::string(kHidden) : setting.value;
}

}  // namespace millrace
