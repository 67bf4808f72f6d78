// Dates, times and intervals in binary, as text (DateStyle ISO, IntervalStyle postgres, TimeZone
// UTC): see binary_text.h.
#pragma once

#include <string_view>

#include "base/arena_text.h"

namespace millrace::binary {

bool render_date(std::string_view value, ArenaText& out);
bool render_time(std::string_view value, ArenaText& out);
bool render_timetz(std::string_view value, ArenaText& out);
bool render_timestamp(std::string_view value, ArenaText& out);
bool render_timestamptz(std::string_view value, ArenaText& out);

bool render_interval(std::string_view value, ArenaText& out);
// Of a server before PostgreSQL 17: no interval is infinite.
bool render_finite_interval(std::string_view value, ArenaText& out);

}  // namespace millrace::binary
