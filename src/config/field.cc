#include "config/field.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

#include "config/nearest.h"

namespace millrace {

namespace {

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r\n\f\v";
  const size_t first = text.find_first_not_of(kBlank);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

template <class T>
bool read_all(std::string_view text, T& to) {
  if (text.starts_with('+') && !text.starts_with("+-")) text.remove_prefix(1);
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), to);
  return !text.empty() && error == std::errc() && end == text.data() + text.size();
}

// Binary digits of a unit's factor; -1: no such unit.
int shift_of_unit(std::string_view unit) {
  constexpr std::pair<std::string_view, int> kUnits[] = {
      {"", 0},    {"b", 0},    {"k", 10}, {"kb", 10}, {"kib", 10}, {"m", 20},
      {"mb", 20}, {"mib", 20}, {"g", 30}, {"gb", 30}, {"gib", 30}};
  for (const auto& [name, shift] : kUnits) {
    if (same_name(name, unit)) return shift;
  }
  return -1;
}

// Values of these types are short and harmless: an error may show what stood there.
bool may_be_shown(const FieldSpec& spec, const Setting& setting) {
  return !setting.hidden && spec.type != "password" && spec.type != "string" && spec.type != "list";
}

// The nearest allowed name of an enum, else the default, else what the setting is for.
std::string cure_of(const FieldSpec& spec, const Setting& setting, const std::string& by_default) {
  std::vector<std::string> allowed;
  set_value(allowed, spec.allowed());
  const auto near = nearest_name(setting.value, std::span<const std::string>(allowed));
  if (near) return "did you mean " + *near + "?";
  if (!by_default.empty()) return "without the setting it is " + by_default;
  return std::string(spec.options.doc);
}

// "" or what is wrong with the setting's value.
std::string read_into(void* config, const FieldSpec& spec, const Setting& setting) {
  std::string wrong = spec.options.check == nullptr ? "" : spec.options.check(setting.value);
  if (wrong.empty()) wrong = spec.set(config, setting.value);
  if (wrong.empty() || !may_be_shown(spec, setting)) return wrong;
  return fmt::format("is \"{}\" and {}", setting.value, wrong);
}

}  // namespace

bool same_name(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, [](char x, char y) {
    const auto lower = [](char c) {
      return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    };
    return lower(x) == lower(y);
  });
}

std::string set_value(bool& to, std::string_view text) {
  text = trimmed(text);
  if (same_name(text, "true")) {
    to = true;
  } else if (same_name(text, "false")) {
    to = false;
  } else {
    return "must be true or false";
  }
  return "";
}

std::string set_value(int64_t& to, std::string_view text) {
  int64_t value = 0;
  if (!read_all(trimmed(text), value)) return "must be a whole number";
  to = value;
  return "";
}

std::string set_value(double& to, std::string_view text) {
  double value = 0;
  if (!read_all(trimmed(text), value) || !std::isfinite(value)) return "must be a number";
  to = value;
  return "";
}

std::string set_value(std::string& to, std::string_view text) {
  to = text;
  return "";
}

std::string set_value(Secret& to, std::string_view text) {
  to.value = text;
  return "";
}

std::string set_value(Bytes& to, std::string_view text) {
  text = trimmed(text);
  const size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  int64_t number = 0;
  const int shift = shift_of_unit(trimmed(text.substr(digits)));
  if (shift < 0 || !read_all(text.substr(0, digits), number)) {
    return "must be a number of bytes, as 1048576, 512KiB, 32MiB or 1GiB";
  }
  if (number > std::numeric_limits<int64_t>::max() >> shift) return "is more than can be counted";
  to.value = number << shift;
  return "";
}

// A comma that belongs to an item (a regex a{1,2}) is written "\,".
std::string set_value(std::vector<std::string>& to, std::string_view text) {
  to.clear();
  std::string item;
  const auto finish = [&] {
    if (const std::string_view whole = trimmed(item); !whole.empty()) to.emplace_back(whole);
    item.clear();
  };
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 1 < text.size()) {
      ++i;
      if (text[i] != ',') item += '\\';
      item += text[i];
    } else if (text[i] == ',') {
      finish();
    } else {
      item += text[i];
    }
  }
  finish();
  return "";
}

std::string get_value(bool value) {
  return value ? "true" : "false";
}

std::string get_value(int64_t value) {
  return std::to_string(value);
}

std::string get_value(double value) {
  char text[32];
  return {text, std::to_chars(text, text + sizeof text, value).ptr};
}

std::string get_value(const std::string& value) {
  return value;
}

std::string get_value(const Secret& value) {
  return value.empty() ? "" : "[hidden]";
}

std::string get_value(const Bytes& value) {
  constexpr std::pair<int, std::string_view> kUnits[] = {{30, "GiB"}, {20, "MiB"}, {10, "KiB"}};
  for (const auto& [shift, unit] : kUnits) {
    const int64_t count = value.value >> shift;
    if (count > 0 && count << shift == value.value)
      return std::to_string(count) + std::string(unit);
  }
  return std::to_string(value.value);
}

std::string get_value(const std::vector<std::string>& value) {
  std::string out;
  for (const std::string& item : value) {
    if (!out.empty()) out += out.ends_with('\\') ? " ," : ",";  // "\\," would not end the item
    for (char c : item) {
      if (c == ',') out += '\\';
      out += c;
    }
  }
  return out;
}

std::vector<std::string_view> names_of(std::span<const FieldSpec> fields) {
  std::vector<std::string_view> names;
  names.reserve(fields.size());
  for (const FieldSpec& spec : fields)
    names.push_back(spec.name);
  return names;
}

void add_untold(Problems& to, const Problems& more) {
  for (const Problem& problem : more)
    if (std::ranges::find(to, problem.key, &Problem::key) == to.end()) to.push_back(problem);
}

void parse_into(void* config, std::span<const FieldSpec> fields, const Settings& settings,
                std::string_view key_prefix, Problems& problems) {
  for (const FieldSpec& spec : fields) {
    const Setting* setting = settings.find(spec.name);
    std::string wrong;
    std::string cure;
    if (setting != nullptr && !(setting->value.empty() && spec.options.required)) {
      const std::string by_default = spec.get(config);
      wrong = read_into(config, spec, *setting);
      if (!wrong.empty()) cure = cure_of(spec, *setting, by_default);
    } else if (spec.options.required) {
      wrong = setting == nullptr ? "is missing" : "is empty";
      cure = fmt::format("set {}{}: {}", key_prefix, spec.name, spec.options.doc);
    }
    if (wrong.empty()) continue;
    problems.push_back({Problem::Severity::kError, fmt::format("{}{}", key_prefix, spec.name),
                        setting == nullptr ? "" : setting->origin, std::move(wrong),
                        std::move(cure)});
  }
}

void find_unknown(const Settings& settings, std::span<const std::string_view> known,
                  Problem::Severity severity, std::string_view key_prefix, Problems& problems) {
  std::vector<std::string_view> names;
  for (std::string_view name : known) {
    if (!name.ends_with('*')) names.push_back(name);
  }
  const auto is_known = [&](std::string_view key) {
    return std::ranges::any_of(known, [&](std::string_view name) {
      if (!name.ends_with('*')) return name == key;
      return key.starts_with(name.substr(0, name.size() - 1));
    });
  };
  for (const auto& [key, setting] : settings) {
    if (is_known(key)) continue;
    const auto near = nearest_name(key, std::span<const std::string_view>(names));
    const std::string cure =
        near ? "did you mean " + std::string(key_prefix) + *near + "?" : "remove it";
    problems.push_back(
        {severity, std::string(key_prefix) + key, setting.origin, "is not a known setting", cure});
  }
}

}  // namespace millrace
