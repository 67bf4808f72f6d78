// Stored offsets: the record of Connect's offset topic (Debezium's map, with our members), and the
// line of JSON that sinks keep. What was read, written anew, reads the same.
#include "event/position.h"
#include "fuzz.h"
#include "store/offset_map.h"

namespace millrace::fuzz {

namespace {

void map_round_trip(std::string_view json) {
  const auto progress = from_offset_map(json);
  if (!progress) return;
  const std::string again = to_offset_map(*progress, json);
  require(is_json(again), "an offset map is JSON");
  const auto reread = from_offset_map(again);
  require(reread.has_value(), "an offset map that was read can be written and read");
  // In a snapshot Debezium's members are fewer, and a completed one beside the slot's stream is
  // left out.
  for (const auto& [stream, offset] : *reread) {
    const auto before = progress->find(stream);
    require(before != progress->end(), "no stream is made up");
    require(before->second.snapshot == offset.snapshot, "a snapshot stays one");
    const bool kept = offset.snapshot != SnapshotPhase::kNone || before->second == offset;
    require(kept, "an offset of a stream stays the same");
  }
  require(to_offset_map(*reread, again) == again, "an offset map is always written the same");
}

void line_round_trip(std::string_view json) {
  const auto offset = offset_from_json(json);
  if (!offset) return;
  const std::string again = to_json(*offset);
  require(is_json(again), "an offset's line is JSON");
  const auto reread = offset_from_json(again);
  require(reread && *reread == *offset, "an offset that was read can be written and read");
}

}  // namespace

void fuzz_one(std::string_view input) {
  const ExactCopy text(input);
  map_round_trip(text.view());
  line_round_trip(text.view());
}

}  // namespace millrace::fuzz
