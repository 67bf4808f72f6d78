// The table of one component's settings, and all that follows from it: parsing (every error at
// once, each with its cure), documentation, Connect's validate answer, redaction. A component has
//
//   struct FileSinkConfig { std::string path; int64_t flush_ms = 100; Secret password; };   //
//   defaults in the members inline constexpr FieldSpec kFileSinkFields[] = {
//       field<&FileSinkConfig::path>("file.path", {.doc = "Where lines are appended.", .required =
//       true}), field<&FileSinkConfig::flush_ms>("file.flush.ms", {.doc = "…", .check =
//       at_least<1>}),
//   };
//   auto config = parse_fields<FileSinkConfig>(kFileSinkFields, settings, problems);
//
// Member types: bool, int64_t, double, std::string, Secret, std::vector<std::string> (comma
// separated, trimmed), Bytes ("32MiB", "1g", plain number), and enums that specialise EnumNames.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "config/settings.h"

namespace millrace {

// A value that never reaches a log, an answer, a metric or a page (I8). No stream operator, no
// format.
struct Secret {
  std::string value;

  bool empty() const { return value.empty(); }
};

// A number of bytes; text may have a unit: k, m, g, KiB, MiB, GiB (all binary).
struct Bytes {
  int64_t value = 0;
};

// template <> struct EnumNames<SnapshotMode> {
//   static constexpr std::pair<std::string_view, SnapshotMode> values[] = {{"initial",
//   SnapshotMode::kInitial}, …};
// };   names are matched without regard to case; the first name of a value is the one that is shown
template <class E>
struct EnumNames;

enum class Importance : uint8_t { kHigh, kMedium, kLow };

// "" when the value is fine, else what is wrong with it ("must be at least 1").
using FieldCheck = std::string (*)(std::string_view text);

struct FieldOptions {
  std::string_view doc;
  bool required = false;
  Importance importance = Importance::kMedium;
  std::string_view group = {};  // heading in the documentation and the form
  FieldCheck check = nullptr;
  // Space separated 1.x names, for the documentation; old_names.h says when they count.
  std::string_view old_names = {};
};

struct FieldSpec {
  std::string_view name;
  FieldOptions options;
  std::string_view type;  // boolean int double string password list bytes enum
  std::string (*set)(void*, std::string_view);  // "" or what is wrong
  std::string (*get)(const void*);              // as text; a Secret gives "[hidden]"
  std::string (*allowed)();                     // "a, b, c" of an enum, else ""
};

// One thing that is wrong with a configuration, or doubtful.
struct Problem {
  enum class Severity : uint8_t { kError, kWarning };
  Severity severity = Severity::kError;
  std::string key;     // "branch.mail.sink.smtp.port"; may be empty
  std::string origin;  // "pipeline.toml:12"; may be empty
  std::string message;
  std::string cure;
};

using Problems = std::vector<Problem>;

// Those whose key has no problem in `to` yet: some settings are read twice.
void add_untold(Problems& to, const Problems& more);

// --- what the table is made of
// --------------------------------------------------------------------

std::string set_value(bool& to, std::string_view text);
std::string set_value(int64_t& to, std::string_view text);
std::string set_value(double& to, std::string_view text);
std::string set_value(std::string& to, std::string_view text);
std::string set_value(Secret& to, std::string_view text);
std::string set_value(Bytes& to, std::string_view text);
std::string set_value(std::vector<std::string>& to, std::string_view text);
std::string get_value(bool value);
std::string get_value(int64_t value);
std::string get_value(double value);
std::string get_value(const std::string& value);
std::string get_value(const Secret& value);
std::string get_value(const Bytes& value);
std::string get_value(const std::vector<std::string>& value);
bool same_name(std::string_view a, std::string_view b);  // without regard to ASCII case

template <class E>
  requires std::is_enum_v<E>
std::string allowed_names() {
  std::string out;
  for (const auto& [name, value] : EnumNames<E>::values) {
    if (!out.empty()) out += ", ";
    out += name;
  }
  return out;
}

template <class E>
  requires std::is_enum_v<E>
std::string set_value(E& to, std::string_view text) {
  for (const auto& [name, value] : EnumNames<E>::values) {
    if (!same_name(name, text)) continue;
    to = value;
    return "";
  }
  return "must be one of " + allowed_names<E>();
}

template <class E>
  requires std::is_enum_v<E>
std::string get_value(E value) {
  for (const auto& [name, candidate] : EnumNames<E>::values) {
    if (candidate == value) return std::string(name);
  }
  return "";
}

template <class T>
constexpr std::string_view type_name() {
  if constexpr (std::is_same_v<T, bool>)
    return "boolean";
  else if constexpr (std::is_same_v<T, int64_t>)
    return "int";
  else if constexpr (std::is_same_v<T, double>)
    return "double";
  else if constexpr (std::is_same_v<T, Secret>)
    return "password";
  else if constexpr (std::is_same_v<T, Bytes>)
    return "bytes";
  else if constexpr (std::is_same_v<T, std::vector<std::string>>)
    return "list";
  else if constexpr (std::is_enum_v<T>)
    return "enum";
  else
    return "string";
}

template <class C, class T>
T member_type(T C::*);
template <class C, class T>
C class_type(T C::*);

template <auto Member>
constexpr FieldSpec field(std::string_view name, FieldOptions options) {
  using C = decltype(class_type(Member));
  using T = decltype(member_type(Member));
  return FieldSpec{
      name,
      options,
      type_name<T>(),
      [](void* config, std::string_view text) {
        return set_value(static_cast<C*>(config)->*Member, text);
      },
      [](const void* config) { return get_value(static_cast<const C*>(config)->*Member); },
      [] {
        if constexpr (std::is_enum_v<T>)
          return allowed_names<T>();
        else
          return std::string();
      }};
}

template <int64_t Min>
std::string at_least(std::string_view text) {
  int64_t value = 0;
  std::string wrong = set_value(value, text);
  if (wrong.empty() && value < Min) wrong = "must be at least " + std::to_string(Min);
  return wrong;
}

// The names of a table, to be handed to find_unknown().
std::vector<std::string_view> names_of(std::span<const FieldSpec> fields);

// Reads the fields' values from `settings` into `config`; adds to `problems` what is missing or
// wrong. Keys of `settings` that are in no table are find_unknown()'s.
void parse_into(void* config, std::span<const FieldSpec> fields, const Settings& settings,
                std::string_view key_prefix, Problems& problems);

template <class C>
C parse_fields(std::span<const FieldSpec> fields, const Settings& settings, Problems& problems,
               std::string_view key_prefix = {}) {
  C config;
  parse_into(&config, fields, settings, key_prefix, problems);
  return config;
}

// A problem for each key of `settings` that no table has, with the nearest known name ("did you
// mean"). A known name that ends with '*' covers every key that starts with what stands before it.
void find_unknown(const Settings& settings, std::span<const std::string_view> known,
                  Problem::Severity severity, std::string_view key_prefix, Problems& problems);

}  // namespace millrace
