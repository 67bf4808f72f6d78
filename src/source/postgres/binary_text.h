// Values that the server sends in binary (pgoutput's option `binary`), as the text that it would
// have sent: what its output functions give in a session with the settings of
// wire/postgres/connect.cc (DateStyle ISO, TimeZone UTC, …). So only the source knows of binary.
//
// What is left out, and captured in text: types whose text depends on the server's locale (money),
// of extensions other than citext, hstore and ltree, and composite types.
#pragma once

#include <string_view>

#include "base/arena_text.h"
#include "event/schema.h"

namespace millrace::binary {

// Appends the text of one value; false: the value is malformed, and what was written is void.
using Render = bool (*)(std::string_view value, ArenaText& out);

// Null: a type that is not known in binary. server_version: 150020 is 15.20.
Render renderer_of(const ColumnType& type, int server_version);

// The text of one value: in `value` where its bytes are the text, else in the arena. False: it is
// malformed.
bool to_text(Render render, std::string_view value, Arena& arena, std::string_view& text);

}  // namespace millrace::binary
