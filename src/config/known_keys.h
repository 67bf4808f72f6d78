// Which settings may stand in a file: those that the components' tables name, and those that
// Debezium, Kafka Connect and Debezium Server have and we take, ignore or refuse.
#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "config/pipeline_config.h"

namespace millrace {

// Names from the components' tables (names_of); a name that ends with '*' covers all that begin so.
struct KnownKeys {
  std::vector<std::string_view> common;
  std::vector<std::string_view> source;
  std::map<std::string, std::vector<std::string_view>, std::less<>> sinks;  // by registry name
};

// What to do with a setting of Debezium or Connect that no component of ours has.
enum class Foreign : uint8_t {
  kIgnore,  // has no meaning here, or nothing is lost without it: accepted, silently
  kWarn,    // what it asks for does not happen (yet), but the events are the same
  kRefuse,  // without it other events would leave than asked for
};

struct ForeignKey {
  std::string_view name;  // may end with '*'
  Foreign foreign;
  std::string_view harmless;  // with this value (the default, mostly) it is always ignored
};

std::span<const ForeignKey> foreign_keys();

// Adds a problem for every setting that nobody knows ("did you mean"; in .toml an error, else a
// warning), and for those of Debezium and Connect that are not supported yet.
void check_known(const PipelineConfig& config, const KnownKeys& known, Problems& problems);

}  // namespace millrace
