// Strings as JSON text. Records' keys and values have their own encoder
// (convert/json).
#pragma once

#include <string>
#include <string_view>

namespace millrace {

// Appends text with quotes and escapes; control characters as \u00xx. Bytes above 0x7f pass as they
// are.
void append_json_string(std::string& out, std::string_view text);
std::string json_quoted(std::string_view text);

}  // namespace millrace
