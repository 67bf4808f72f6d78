// What every sink must get right, each as a function that fails the running test where the sink
// does not (sink_conformance_test.cc runs all of them over each store, and over broken sinks).
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "tests/conformance/store.h"

namespace millrace::conformance {

struct Case {
  std::string_view name;
  bool (*applies)(const Traits& traits);
  void (*run)(Store& store, const std::string& state_folder);
};

std::span<const Case> cases();

}  // namespace millrace::conformance
