// The member "source" of an event: where the change comes from.
#pragma once

#include <string>
#include <string_view>

#include "convert/json/json_config.h"
#include "convert/json/json_writer.h"
#include "event/change.h"

namespace millrace {

class SourceBlock {
 public:
  explicit SourceBlock(const JsonConverterConfig& config);

  // {"version":…,"xmin":null}; `table_part`: ,"schema":"public","table":"t"
  void write(const Change& change, std::string_view table_part, JsonWriter& out) const;

 private:
  std::string_view snapshot_json(SnapshotMarker marker) const;

  std::string head_;      // {"version": … "ts_ms":
  std::string database_;  // ,"db":"x","sequence":"[
  bool replace_null_;
};

}  // namespace millrace
