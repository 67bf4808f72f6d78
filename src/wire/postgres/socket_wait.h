// Small things that connecting and reading share.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace millrace::postgres {

// Waits for poll(2)'s events on a socket; false at the deadline. Precise to fractions of a
// millisecond.
bool wait_socket(int socket, short events, SteadyTime deadline);

// What has come on a socket and is not read yet, in bytes.
size_t bytes_waiting(int socket);

// libpq's messages have several lines; the first says what happened.
std::string first_line(std::string_view text);

}  // namespace millrace::postgres
