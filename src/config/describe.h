// What a table of settings says to people: a page of the reference, the help on the terminal, and
// the values in force with every secret hidden (I8).
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/field.h"

namespace millrace {

// A Markdown table: setting, type, default, meaning; required settings first. `defaults` is a
// config as its constructor makes it.
std::string markdown_table(std::span<const FieldSpec> fields, const void* defaults);

// The same for a terminal of `width` columns: the name with its type and default on one line, the
// meaning below it, indented and wrapped.
std::string terminal_help(std::span<const FieldSpec> fields, const void* defaults,
                          size_t width = 80);

// Name and value of every setting in force, in the table's order. A secret is "[hidden]", also one
// that a config provider gave to a setting that is none (`settings` knows).
std::vector<std::pair<std::string, std::string>> shown_values(std::span<const FieldSpec> fields,
                                                              const void* config,
                                                              const Settings& settings);

// Settings that no table describes, for logs: hidden when a provider gave them or when their name
// speaks of a password, secret, token, key or credential.
std::string shown_value(std::string_view key, const Setting& setting);

}  // namespace millrace
