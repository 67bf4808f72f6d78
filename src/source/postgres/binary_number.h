// Numbers in binary, as text: see binary_text.h.
#pragma once

#include <string_view>

#include "base/arena_text.h"

namespace millrace::binary {

bool render_int2(std::string_view value, ArenaText& out);
bool render_int4(std::string_view value, ArenaText& out);
bool render_int8(std::string_view value, ArenaText& out);
bool render_oid(std::string_view value, ArenaText& out);
bool render_numeric(std::string_view value, ArenaText& out);

// The fewest digits that read back as the same number, as PostgreSQL chooses them.
bool render_float4(std::string_view value, ArenaText& out);
bool render_float8(std::string_view value, ArenaText& out);

// (x,y)
bool render_point(std::string_view value, ArenaText& out);

}  // namespace millrace::binary
