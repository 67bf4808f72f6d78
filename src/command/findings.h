// Problems as people and programs read them.
#pragma once

#include <cstdio>
#include <string>

#include "config/field.h"

namespace millrace {

// One block a problem: severity, key and origin, message, and the cure on a line of its own;
// coloured when `out` is a terminal (and NO_COLOR is not set).
void print_problems(const Problems& problems, std::FILE* out);

// {"findings":[{"severity","key","origin","message","cure"}…],"errors":N,"warnings":N}
std::string problems_json(const Problems& problems);

}  // namespace millrace
