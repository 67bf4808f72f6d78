// Network addresses in binary, as text: see binary_text.h.
#pragma once

#include <string_view>

#include "base/arena_text.h"

namespace millrace::binary {

// With its mask's length only where that is not the whole address.
bool render_inet(std::string_view value, ArenaText& out);
// With its mask's length always.
bool render_cidr(std::string_view value, ArenaText& out);
bool render_macaddr(std::string_view value, ArenaText& out);
bool render_macaddr8(std::string_view value, ArenaText& out);

}  // namespace millrace::binary
