// java.util.UUID.nameUUIDFromBytes: a version 3 UUID, the MD5 (RFC 1321) of a name.
#pragma once

#include <string>
#include <string_view>

namespace millrace {

std::string name_uuid(std::string_view name);

}  // namespace millrace
