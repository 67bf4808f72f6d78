// "Did you mean": the known name that a mistyped one most probably stands for.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace millrace {

// Edits (insert, delete, replace, swap of neighbours) from one name to the other. Upper and lower
// case are the same here, and so are '.', '_' and '-'.
size_t edit_distance(std::string_view a, std::string_view b);

// The nearest of `known`, when it is near enough that a person would agree: about one edit in three
// letters, five at most; else the only one that ends with ".typed". Of equals the first.
std::optional<std::string> nearest_name(std::string_view typed,
                                        std::span<const std::string_view> known);
std::optional<std::string> nearest_name(std::string_view typed, std::span<const std::string> known);

}  // namespace millrace
