// The components that a configuration can name. One line a component in registry.cc, and nothing
// else there: documentation, checks and the command line follow from it.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "config/pipeline_config.h"
#include "sink/sink.h"

namespace millrace {

// What a sink is made from.
struct SinkInputs {
  const PipelineConfig& pipeline;
  const BranchConfig& branch;
  SinkContext context;  // empty while only checking
  // While only checking: the tables of the source, as far as they could be read.
  std::span<const TableSchema> captured = {};
};

struct SinkPlugin {
  std::string_view name;
  std::string_view summary;
  bool takes_records;       // a converter stands before it
  bool schemas_by_default;  // of that converter: {"schema","payload"} when the settings don't say
  // All settings it takes; a name that ends with '*' covers all that begin so ("producer.*").
  std::vector<std::string_view> (*setting_names)();
  // All that is wrong with the settings, without touching anything outside.
  void (*validate)(const SinkInputs& inputs, Problems& problems);
  // With its data: Sink::open() gives it. Only after validate().
  bool (*keeps_progress)(const SinkInputs& inputs);
  // Only after validate() found no error.
  std::unique_ptr<Sink> (*make)(const SinkInputs& inputs);
  // Whether it can be reached and written, for `millrace check`. Only after validate().
  Problems (*check)(const SinkInputs& inputs);
  // What the sink keeps of the branch's progress, looked at from outside; nullopt: it keeps none.
  // Only after validate().
  Result<std::optional<Progress>> (*stored_progress)(const SinkInputs& inputs);
};

std::span<const SinkPlugin> sink_plugins();
const SinkPlugin* find_sink_plugin(std::string_view name);

}  // namespace millrace
